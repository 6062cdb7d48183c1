import { PipelineError, systemClock, type Clock, type Random } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import {
  checkBatches,
  checkBatchIds,
  checkExceptions,
  checkPartition,
  checkPartitionCount,
  checkReceive,
} from '../check-arguments';
import {
  MAX_ERROR_LENGTH,
  type EnqueueBatch,
  type EnqueueResult,
  type LeaseRef,
  type Queue,
  type QueueHealth,
  type QueueLimits,
  type QueueStats,
  type Received,
  type ReceiveRequest,
  type Reclaimed,
  type ReclaimLimits,
  type SettleException,
} from '../queue';
import { PackedEvents } from '../packed-events';
import type { Partitioning } from '../partitioning';
import type { RedisLocation } from '../redis-location';
import type { QueueObserver } from '../queue-observer';
import { DurabilityGate } from './durability-gate';
import { RedisDeadLetters } from './redis-dead-letters';
import { OrphanScrub } from './orphan-scrub';
import { PartitionTable } from './partition-table';
import { partitionKeys, type PartitionKeys } from './redis-keys';
import type { RedisArgument } from './redis-link';
import { openRedisLinks, type RedisLinks } from './redis-links';
import {
  parseEnqueueReply,
  parseReceiveReply,
  parseReclaimReply,
  parseRemembersReply,
  parseStatsReply,
} from './redis-replies';
import { redisScripts, type RedisScript } from './redis-scripts';
import { ServerInspection } from './server-inspection';
import { WakeupWait } from './wakeup-wait';

export interface RedisQueueOptions {
  readonly location: RedisLocation;
  readonly name: string;
  readonly limits: QueueLimits;
  /** Time limit of every command, ms. */
  readonly commandTimeoutMs?: number;
  /** Refuses to enqueue below the durability `disk`; see {@link DurabilityGate}. */
  readonly strict?: boolean;
}

export interface RedisQueueDependencies {
  readonly clock?: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer?: QueueObserver;
}

/** "Any generation", as the enqueue script has it. */
const ANY_GENERATION = -1;
const DEFAULT_COMMAND_TIMEOUT_MS = 5_000;
/**
 * How often the settings of a server are looked at while the connection stands, at most; half of it
 * at least, by chance, so that many programs do not ask together. Four small commands each time.
 */
const INSPECTION_INTERVAL_MS = 10_000;

/**
 * Connects to the queue on a Redis server (7.0 or newer). Resolves also while the server is out of
 * reach: calls then reject with QUEUE_UNAVAILABLE until it is back.
 */
export async function openRedisQueue(
  options: RedisQueueOptions,
  dependencies: RedisQueueDependencies,
): Promise<Queue> {
  const queue = new RedisQueue(options, dependencies);
  await queue.opened();
  return queue;
}

/**
 * The queue port over Lua scripts: arguments in, reply mapped out, no policy. What each transition
 * does and promises stands at the head of its script.
 */
class RedisQueue implements Queue {
  readonly deadLetters: RedisDeadLetters;
  private readonly links: RedisLinks;
  private readonly keys: PartitionKeys[] = [];
  private readonly partitions: PartitionTable;
  private readonly inspection: ServerInspection;
  private readonly orphans: OrphanScrub;
  private readonly wakeup: WakeupWait;
  private readonly commandTimeoutMs: number;
  private readonly gate: DurabilityGate | undefined;
  private readonly ended = new AbortController();
  private inspecting: Promise<void> = Promise.resolve();

  constructor(
    private readonly options: RedisQueueOptions,
    private readonly dependencies: RedisQueueDependencies,
  ) {
    const { clock = systemClock, random, logger, observer } = dependencies;
    const { location, name, commandTimeoutMs = DEFAULT_COMMAND_TIMEOUT_MS, strict } = options;
    this.commandTimeoutMs = commandTimeoutMs;
    this.inspection = new ServerInspection({ clock, random, logger, observer, strict });
    this.orphans = new OrphanScrub(logger);
    const onReady = () => void this.inspect();
    this.links = openRedisLinks(location, { name, commandTimeoutMs, onReady }, logger);
    if (strict === true) this.gate = new DurabilityGate(this.links.commands, this.inspection);
    this.partitions = new PartitionTable(this.links.commands, name, clock, logger);
    this.deadLetters = new RedisDeadLetters(this.links.commands, (partition) =>
      this.keysOf(partition),
    );
    this.wakeup = new WakeupWait((key) => this.links.openWaiting(key), clock, commandTimeoutMs);
  }

  async opened(): Promise<void> {
    await this.links.commands.settled(this.commandTimeoutMs);
    if (this.links.commands.isReady) await this.inspect();
    this.inspecting = this.inspectFromTimeToTime();
  }

  partitionCount(): number {
    return this.partitions.current().count;
  }

  partitioning(): Partitioning {
    return this.partitions.current();
  }

  async resize(partitions: number): Promise<void> {
    checkPartitionCount(partitions);
    await this.partitions.resize(partitions);
  }

  async enqueue(
    partition: number,
    batches: readonly EnqueueBatch[],
  ): Promise<readonly EnqueueResult[]> {
    checkBatches(batches);
    const { pending, counters, wakeup, batch, epoch } = this.keysOf(partition);
    const { maxEvents, maxBytes } = this.options.limits;
    const keys = [pending, counters, wakeup];
    const args: RedisArgument[] = [this.share(maxEvents), this.share(maxBytes), batches.length];
    for (const { id, digest, answer, bodies, rememberMs, generation } of batches) {
      keys.push(batch(id));
      args.push(rememberMs, generation ?? ANY_GENERATION, digest, answer, bodies.length);
      args.push(PackedEvents.of(bodies).encoded);
    }
    const enqueue = () => this.links.commands.run(redisScripts.enqueue, keys, args);
    const reply = await (this.gate ? this.gate.guarded(epoch, enqueue) : enqueue());
    const results = parseEnqueueReply(reply, batches);
    if (results.some(isOutOfDate)) await this.partitions.refused(partition).catch(() => undefined);
    return results;
  }

  async remembers(partition: number, batchIds: readonly string[]): Promise<readonly boolean[]> {
    checkBatchIds(batchIds);
    const { batch } = this.keysOf(partition);
    if (batchIds.length === 0) return [];
    const keys = batchIds.map((id) => batch(id));
    return parseRemembersReply(await this.links.commands.run(redisScripts.remembers, keys, []));
  }

  async receive(request: ReceiveRequest): Promise<Received> {
    checkReceive(request);
    const { partition, leaseId, maxEvents, maxBytes, leaseMs, isolated } = request;
    const keys = this.keysOf(partition);
    const reply = await this.links.commands.run(
      redisScripts.receive,
      [
        keys.pending,
        keys.lease(leaseId),
        keys.leases,
        keys.suspect,
        keys.isolated,
        keys.delayed,
        keys.counters,
        keys.wakeup,
      ],
      [leaseId, maxEvents, maxBytes, leaseMs, isolated],
    );
    return parseReceiveReply(reply, partition, leaseId);
  }

  async settle(lease: LeaseRef, exceptions: readonly SettleException[]): Promise<void> {
    checkExceptions(lease.size, exceptions);
    const keys = this.keysOf(lease.partition);
    const args: RedisArgument[] = [lease.id, lease.size];
    for (const exception of exceptions) {
      args.push(exception.index, exception.outcome);
      if ('delayMs' in exception) args.push(Math.ceil(exception.delayMs));
      if (exception.outcome === 'dead') {
        args.push(exception.reason, exception.error.slice(0, MAX_ERROR_LENGTH), exception.handler);
      }
    }
    await this.runFenced(lease, redisScripts.settle, args, [
      keys.pending,
      keys.suspect,
      keys.isolated,
      keys.delayed,
      keys.dead,
      keys.counters,
      keys.wakeup,
    ]);
  }

  async extend(lease: LeaseRef, leaseMs: number): Promise<void> {
    await this.runFenced(lease, redisScripts.extend, [lease.id, Math.ceil(leaseMs)], []);
  }

  async release(lease: LeaseRef): Promise<void> {
    const { pending, suspect, isolated, counters, wakeup } = this.keysOf(lease.partition);
    const keys = [pending, suspect, isolated, counters, wakeup];
    await this.runFenced(lease, redisScripts.release, [lease.id], keys);
  }

  async reclaim(partition: number, limits: ReclaimLimits): Promise<Reclaimed> {
    const keys = this.keysOf(partition);
    await this.orphans.step(this.links.commands, keys);
    const expired = await this.links.commands.run(
      redisScripts.expiredLeases,
      [keys.leases],
      [limits.maxLeases],
    );
    const reclaimed = { leases: 0, events: 0, dead: 0 };
    for (const leaseId of Array.isArray(expired) ? expired.map(String) : []) {
      try {
        const { events, deadEvents } = await this.reclaimLease(keys, leaseId, limits.maxCrashes);
        if (events > 0) reclaimed.leases += 1;
        reclaimed.events += events;
        reclaimed.dead += deadEvents;
      } catch (error) {
        // What was taken back before is told; the lease that failed is the first of the next call.
        if (reclaimed.leases === 0) throw error;
        break;
      }
    }
    return reclaimed;
  }

  async waitForEvents(partition: number, maxWaitMs: number, signal: AbortSignal): Promise<void> {
    await this.wakeup.wait(this.keysOf(partition).wakeup, maxWaitMs, signal);
  }

  async stats(partition: number): Promise<QueueStats> {
    const { pending, leases, delayed, dead, counters } = this.keysOf(partition);
    const keys = [pending, leases, delayed, dead, counters];
    return parseStatsReply(await this.links.commands.run(redisScripts.stats, keys, []));
  }

  async health(): Promise<QueueHealth> {
    const keys = this.epochKeys();
    await Promise.all(keys.map((key) => this.links.commands.call(key, 'ping', [])));
    return this.inspection.health(this.links.commands, keys);
  }

  async close(): Promise<void> {
    this.ended.abort();
    this.wakeup.close();
    this.links.commands.close();
    await this.inspecting;
  }

  private async reclaimLease(keys: PartitionKeys, leaseId: string, maxCrashes: number) {
    const { lease, leases, suspect, isolated, dead, counters, wakeup } = keys;
    const reply = await this.links.commands.run(
      redisScripts.reclaim,
      [lease(leaseId), leases, suspect, isolated, dead, counters, wakeup],
      [leaseId, maxCrashes],
    );
    return parseReclaimReply(reply);
  }

  private async inspectFromTimeToTime(): Promise<void> {
    const { clock = systemClock, random } = this.dependencies;
    const { signal } = this.ended;
    for (;;) {
      await clock.sleep(INSPECTION_INTERVAL_MS * (0.5 + random.next() / 2), signal);
      if (signal.aborted) return;
      if (this.links.commands.isReady) await this.inspect();
    }
  }

  /** At each (re)connect. Never rejects. */
  private async inspect(): Promise<void> {
    await this.partitions.refresh().catch(() => undefined);
    await this.inspection.inspect(this.links.commands, this.epochKeys());
  }

  private epochKeys(): string[] {
    const numbers = Array.from({ length: this.partitionCount() }, (_, partition) => partition);
    return numbers.map((partition) => this.keysOf(partition).epoch);
  }

  private keysOf(partition: number): PartitionKeys {
    checkPartition(partition, this.partitioning());
    return (this.keys[partition] ??= partitionKeys(this.options.name, partition));
  }

  /** A limit is shared out evenly, since no script sees more than one partition. 0: no limit. */
  private share(limit: number): number {
    return limit === 0 ? 0 : Math.max(1, Math.floor(limit / this.partitionCount()));
  }

  /** Runs a script that answers 0 where the lease is not held any more. */
  private async runFenced(
    lease: LeaseRef,
    script: RedisScript,
    args: readonly RedisArgument[],
    keys: readonly string[],
  ): Promise<void> {
    const own = this.keysOf(lease.partition);
    const leaseKeys = [own.lease(lease.id), own.leases];
    const reply = await this.links.commands.run(script, [...leaseKeys, ...keys], args);
    if (Number(reply) === 0) {
      throw new PipelineError('LEASE_LOST', `lease ${lease.id} is not held any more`);
    }
  }
}

function isOutOfDate(result: EnqueueResult): boolean {
  return result.outcome === 'refused' && result.reason === 'PARTITIONS_CHANGED';
}
