import { messageOf, PipelineError, type Clock } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import { cannotShrink } from '../cannot-shrink';
import type { Partitioning } from '../partitioning';
import { BATCH_ID_WINDOW_MS } from '../queue';
import { partitionKeys, partitionsKey } from './redis-keys';
import type { RedisLink } from './redis-link';
import { parsePartitioningReply, parseProposalReply, type PartitionRecord } from './redis-replies';
import { redisScripts } from './redis-scripts';

/** How old the knowledge may be before it is looked up again, by the way and without waiting. */
const REFRESH_MS = 1_000;
/** A change that has been under way for so long was left by a process that died: it is finished. */
const ABANDONED_AFTER_MS = 5_000;
/** How long a change may take, with the ones that it has to wait for. */
const RESIZE_LIMIT_MS = 30_000;
const POLL_MS = 50;

type GateStep = 'open' | 'close' | 'look';
/** Superseded: by an attempt of at least this number. */
type Outcome = { readonly done: true } | { readonly done: false; readonly supersededBy: number };

/**
 * How many partitions a queue has, as Redis knows it, and how that is changed.
 *
 * The count lies with partition 0; the partitions lie anywhere in a Cluster, so no step can change
 * all of them at once. One change is under way at a time. Under its number, the attempt: partitions
 * that go are closed one by one, each only while it is empty; those that stay or come are opened,
 * with the attempt as their generation; then the count changes. One that turns out not to be empty
 * ends the change: all present partitions are opened, and the count stays.
 *
 * A change that stops half-way has closed or fenced some partitions. Senders that are refused there
 * look here, and whoever sees the same attempt for {@link ABANDONED_AFTER_MS} supersedes it by one of
 * his own, which goes through all partitions again.
 */
export class PartitionTable {
  private known: Partitioning = { count: 1, generation: 0, earlier: [] };
  private refreshedAt = -Infinity;
  private refreshing: Promise<void> | undefined;
  private underWay: { readonly attempt: number; readonly seenAt: number } | undefined;
  private mending = false;

  constructor(
    private readonly redis: Pick<RedisLink, 'run'>,
    private readonly queueName: string,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** As last heard; looks it up by the way where that is some time ago. */
  current(): Partitioning {
    const age = this.clock.monotonic() - this.refreshedAt;
    if (age > REFRESH_MS) this.refresh().catch(() => undefined);
    return this.known;
  }

  /** Asks Redis. Rejects as any call does. */
  refresh(): Promise<void> {
    this.refreshing ??= this.lookUp().finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }

  /**
   * To be called when a partition has refused a batch for its generation: hears of the change that is
   * the reason. Where there is none, the last one was lost with the server that had the count, and the
   * partition knows more than the record; then that is put right.
   */
  async refused(partition: number): Promise<void> {
    const before = this.known.generation;
    await this.refresh();
    const { generation, next, count } = await this.read();
    if (generation !== before || next !== 0 || partition >= count) return;
    const answer = await this.gate(partition, generation, 'open');
    if (answer < 0) this.mend('the last change of the partitions was lost', count, -answer);
  }

  /** See {@link Queue.resize}. QUEUE_UNAVAILABLE also where others change the count all the time. */
  async resize(target: number): Promise<void> {
    await this.reach(target, 0, ({ count }) => count === target);
  }

  /**
   * Changes the count, once no other change is under way and unless there is nothing to be done by then.
   *
   * @param floor a generation below which there is something to be done in any case
   */
  private async reach(
    target: number,
    floor: number,
    isReached: (record: PartitionRecord) => boolean,
  ): Promise<void> {
    const end = this.clock.monotonic() + RESIZE_LIMIT_MS;
    let above = floor;
    while (this.clock.monotonic() < end) {
      const record = await this.read();
      const { next } = record;
      if (next === 0 && record.generation >= above && isReached(record)) return this.note(record);
      if (next !== 0 && !this.isAbandoned(record)) {
        await this.clock.sleep(POLL_MS);
        continue;
      }
      await this.checkSurplus(target, record.count);
      const superseded = next === 0 ? 0 : record.attempt;
      const { attempt, count } = await this.propose(target, superseded, above);
      if (attempt <= 0) continue;
      const outcome = await this.change(attempt, count, target);
      if (!outcome.done) above = Math.max(above, outcome.supersededBy);
      else if (count !== target) {
        this.logger.info({ from: count, to: target }, 'the number of partitions has changed');
      }
    }
    throw new PipelineError('QUEUE_UNAVAILABLE', 'the number of partitions cannot be changed now');
  }

  private async change(attempt: number, count: number, target: number): Promise<Outcome> {
    for (let partition = target; partition < count; partition++) {
      const held = await this.gate(partition, attempt, 'close');
      if (held < 0) return { done: false, supersededBy: -held };
      if (held > 0) {
        const outcome = await this.openAll(attempt, count, 'abandon');
        if (outcome.done) throw cannotShrink({ count, target, partition, held });
        return outcome;
      }
    }
    return this.openAll(attempt, target, 'commit');
  }

  private async openAll(
    attempt: number,
    count: number,
    how: 'commit' | 'abandon',
  ): Promise<Outcome> {
    for (let partition = 0; partition < count; partition++) {
      const answer = await this.gate(partition, attempt, 'open');
      if (answer < 0) return { done: false, supersededBy: -answer };
    }
    const args = [attempt, how, BATCH_ID_WINDOW_MS];
    const done = await this.redis.run(redisScripts.concludePartitions, this.recordKey(), args);
    return Number(done) === 1 ? { done: true } : { done: false, supersededBy: 0 };
  }

  /** So that a change that is bound to be refused changes nothing at all. */
  private async checkSurplus(target: number, count: number): Promise<void> {
    for (let partition = target; partition < count; partition++) {
      const held = await this.gate(partition, 0, 'look');
      if (held > 0) throw cannotShrink({ count, target, partition, held });
    }
  }

  /** An attempt of 0 or less where there is nothing to be changed, or not now. */
  private async propose(
    target: number,
    superseded: number,
    above: number,
  ): Promise<{ attempt: number; count: number }> {
    const args = [target, superseded, above];
    const reply = await this.redis.run(redisScripts.proposePartitions, this.recordKey(), args);
    return parseProposalReply(reply);
  }

  private async gate(partition: number, attempt: number, step: GateStep): Promise<number> {
    const keys = partitionKeys(this.queueName, partition);
    const { counters, pending, leases, suspect, isolated, delayed, dead } = keys;
    const touched = [counters, pending, leases, suspect, isolated, delayed, dead];
    return Number(await this.redis.run(redisScripts.partitionGate, touched, [attempt, step]));
  }

  private async lookUp(): Promise<void> {
    // Also when it fails: an outage is not asked about at every turn.
    this.refreshedAt = this.clock.monotonic();
    const record = await this.read();
    if (record.generation < this.known.generation) {
      // Redis came back without it, or a replica took over that had not heard of the last change.
      this.mend('the number of partitions was lost', this.known.count, this.known.generation);
      return;
    }
    this.note(record);
    if (record.next !== 0 && this.isAbandoned(record)) {
      const { next, count } = record;
      this.mend('a change of the number of partitions was left unfinished', next, 0, count);
    }
  }

  private async read(): Promise<PartitionRecord> {
    const args = [BATCH_ID_WINDOW_MS];
    const reply = await this.redis.run(redisScripts.partitioning, this.recordKey(), args);
    return parsePartitioningReply(reply);
  }

  private note({ count, generation, earlier }: PartitionRecord): void {
    if (generation >= this.known.generation) this.known = { count, generation, earlier };
  }

  private isAbandoned({ attempt }: PartitionRecord): boolean {
    const now = this.clock.monotonic();
    if (this.underWay?.attempt !== attempt) this.underWay = { attempt, seenAt: now };
    return now - this.underWay.seenAt > ABANDONED_AFTER_MS;
  }

  /**
   * Begins to put right what this process alone may know of, unless another one has done so; not twice
   * at a time.
   *
   * @param otherwise the count where the target cannot be reached, since a partition is not empty
   */
  private mend(what: string, target: number, floor: number, otherwise = target): void {
    if (this.mending) return;
    this.mending = true;
    this.logger.warn({ partitions: target }, `${what}; putting it right`);
    const isDone = () => true;
    this.reach(target, floor, isDone)
      .catch((error: unknown) => {
        if (PipelineError.from(error).code !== 'CONFIG_INVALID') throw error;
        return this.reach(otherwise, floor, isDone);
      })
      .catch((error: unknown) => {
        const reason = messageOf(error);
        this.logger.warn({ reason }, 'the number of partitions could not be put right yet');
      })
      .finally(() => {
        this.mending = false;
      });
  }

  private recordKey(): [string] {
    return [partitionsKey(this.queueName)];
  }
}
