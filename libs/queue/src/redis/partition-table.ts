import { messageOf, PipelineError, type Clock } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import { cannotShrink } from '../cannot-shrink';
import { BATCH_ID_WINDOW_MS, type Partitioning } from '../queue';
import type { RedisLink } from './redis-link';
import { partitionKeys, partitionsKey } from './redis-keys';
import { parsePartitioningReply, parseProposalReply, type PartitionRecord } from './redis-replies';
import { redisScripts } from './redis-scripts';

/** How old the knowledge may be before it is looked up again, by the way and without waiting. */
const REFRESH_MS = 1_000;
/** A change that has been under way for so long was left by a process that died: it is finished. */
const ABANDONED_AFTER_MS = 5_000;
/** So often a change is begun anew when others change the partitions at the same time. */
const MAX_ATTEMPTS = 20;

type GateStep = 'open' | 'close' | 'reopen';

/**
 * How many partitions a queue has, as Redis knows it, and how that is changed.
 *
 * The count lies with partition 0; the partitions lie anywhere in a Cluster, so no step can change
 * all of them at once. A change goes in this order, under a number that supersedes earlier attempts:
 * partitions that go are closed one by one (each only while it is empty; else all are reopened and
 * the change is given up), those that stay or come are opened under the new generation, and then the
 * count changes. A change that stops half-way has closed or fenced some partitions: batches that are
 * refused there make their senders look here, and whoever looks finishes it.
 */
export class PartitionTable {
  private known: Partitioning = { count: 1, generation: 0, earlier: [] };
  private refreshedAt = -Infinity;
  private refreshing: Promise<void> | undefined;
  private unfinished: { readonly attempt: number; readonly seenAt: number } | undefined;

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

  /** See {@link Queue.resize}. */
  async resize(target: number): Promise<void> {
    for (let tries = 0; tries < MAX_ATTEMPTS; tries++) {
      const { attempt, count } = await this.propose(target);
      if (attempt === 0 || (await this.change(attempt, count, target))) {
        await this.lookUp();
        if (attempt !== 0 && count !== target) {
          this.logger.info({ from: count, to: target }, 'the number of partitions has changed');
        }
        return;
      }
    }
    throw new PipelineError('QUEUE_UNAVAILABLE', 'others change the number of partitions too');
  }

  /** False when a later attempt has superseded this one. */
  private async change(attempt: number, count: number, target: number): Promise<boolean> {
    for (let partition = target; partition < count; partition++) {
      const held = await this.gate(partition, attempt, 'close');
      if (held < 0) return false;
      if (held > 0) {
        await this.giveUp(attempt, target, partition);
        throw cannotShrink({ count, target, partition, held });
      }
    }
    for (let partition = 0; partition < target; partition++) {
      if ((await this.gate(partition, attempt, 'open')) < 0) return false;
    }
    return this.conclude(attempt, 'commit');
  }

  /** Reopens the partitions `from` up to, not including, `to`. */
  private async giveUp(attempt: number, from: number, to: number): Promise<void> {
    for (let partition = from; partition < to; partition++) {
      await this.gate(partition, attempt, 'reopen');
    }
    await this.conclude(attempt, 'abandon');
  }

  private async propose(target: number): Promise<{ attempt: number; count: number }> {
    const keys = [partitionsKey(this.queueName)];
    return parseProposalReply(await this.redis.run(redisScripts.proposePartitions, keys, [target]));
  }

  private async conclude(attempt: number, how: 'commit' | 'abandon'): Promise<boolean> {
    const keys = [partitionsKey(this.queueName)];
    const args = [attempt, how, BATCH_ID_WINDOW_MS];
    return Number(await this.redis.run(redisScripts.concludePartitions, keys, args)) === 1;
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
    const keys = [partitionsKey(this.queueName)];
    const reply = await this.redis.run(redisScripts.partitioning, keys, [BATCH_ID_WINDOW_MS]);
    const record = parsePartitioningReply(reply);
    const { count, generation, earlier } = record;
    this.known = { count, generation, earlier };
    this.watchChange(record);
  }

  private watchChange({ next, attempt }: PartitionRecord): void {
    if (next === 0) {
      this.unfinished = undefined;
    } else if (this.unfinished?.attempt !== attempt) {
      this.unfinished = { attempt, seenAt: this.clock.monotonic() };
    } else if (this.clock.monotonic() - this.unfinished.seenAt > ABANDONED_AFTER_MS) {
      this.unfinished = undefined;
      this.finish(next);
    }
  }

  private finish(target: number): void {
    this.resize(target).catch((error: unknown) => {
      const reason = messageOf(error);
      this.logger.warn({ reason }, 'a change of the number of partitions was not finished');
    });
  }
}
