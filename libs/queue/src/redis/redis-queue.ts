import { PipelineError, systemClock, type Clock, type Random } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import { checkBatches, checkExceptions, checkPartition, checkReceive } from '../check-arguments';
import type {
  EnqueueBatch,
  EnqueueResult,
  LeaseRef,
  Queue,
  QueueHealth,
  QueueLimits,
  QueueStats,
  Received,
  ReceiveRequest,
  Reclaimed,
  ReclaimLimits,
  SettleException,
} from '../queue';
import { RedisConnection, type RedisArgument } from './redis-connection';
import { readDurability } from './redis-durability';
import { partitionKeys, type PartitionKeys } from './redis-keys';
import {
  parseEnqueueReply,
  parseReceiveReply,
  parseReclaimReply,
  parseStatsReply,
} from './redis-replies';
import { redisScripts, type RedisScript } from './redis-scripts';

export interface RedisQueueOptions {
  readonly url: string;
  readonly name: string;
  readonly limits: QueueLimits;
  /** Time limit of every command, ms. */
  readonly commandTimeoutMs?: number;
}

export interface RedisQueueDependencies {
  readonly clock?: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const DEFAULT_COMMAND_TIMEOUT_MS = 5_000;
/** How long a wait pauses when its connection is down, so that waiting does not become spinning. */
const PAUSE_WHILE_DOWN_MS = 200;

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
  private readonly commands: RedisConnection;
  private readonly blocking: RedisConnection;
  private readonly keys: PartitionKeys;
  private readonly clock: Clock;
  private readonly commandTimeoutMs: number;
  private waiting: Promise<unknown> | undefined;
  private guarantee: QueueHealth | undefined;
  private epoch: string | undefined;
  private orphanCursor = '0';

  constructor(
    private readonly options: RedisQueueOptions,
    private readonly dependencies: RedisQueueDependencies,
  ) {
    const { url, name } = options;
    const { logger } = dependencies;
    this.clock = dependencies.clock ?? systemClock;
    this.commandTimeoutMs = options.commandTimeoutMs ?? DEFAULT_COMMAND_TIMEOUT_MS;
    this.keys = partitionKeys(name, 0);
    const connection = { url, commandTimeoutMs: this.commandTimeoutMs };
    this.commands = new RedisConnection(
      { ...connection, name: `${name}:commands`, onReady: () => void this.inspectServer() },
      logger,
    );
    // Without a logger: its outages are the other connection's too.
    this.blocking = new RedisConnection({ ...connection, name: `${name}:waiting` });
  }

  async opened(): Promise<void> {
    await this.commands.settled(this.commandTimeoutMs);
    if (this.commands.isReady) await this.inspectServer();
  }

  partitionCount(): number {
    return 1;
  }

  async enqueue(
    partition: number,
    batches: readonly EnqueueBatch[],
  ): Promise<readonly EnqueueResult[]> {
    checkBatches(batches);
    const { pending, counters, wakeup, batch } = this.keysOf(partition);
    const { limits } = this.options;
    const keys = [pending, counters, wakeup];
    const args: RedisArgument[] = [limits.maxEvents, limits.maxBytes, batches.length];
    for (const { id, digest, answer, bodies, rememberMs } of batches) {
      keys.push(batch(id));
      args.push(rememberMs, digest, answer, bodies.length);
      for (const body of bodies) args.push(body);
    }
    return parseEnqueueReply(await this.commands.run(redisScripts.enqueue, keys, args), batches);
  }

  async receive(request: ReceiveRequest): Promise<Received> {
    checkReceive(request);
    const { partition, leaseId, maxEvents, maxBytes, leaseMs, isolated } = request;
    const keys = this.keysOf(partition);
    const reply = await this.commands.run(
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
      if (exception.outcome === 'retry') args.push(Math.ceil(exception.delayMs));
      if (exception.outcome === 'dead') {
        args.push(exception.reason, exception.error.slice(0, 1_024), exception.handler);
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
    this.keysOf(lease.partition);
    await this.runFenced(lease, redisScripts.extend, [lease.id, Math.ceil(leaseMs)], []);
  }

  async release(lease: LeaseRef): Promise<void> {
    const { pending, suspect, isolated, counters, wakeup } = this.keysOf(lease.partition);
    const keys = [pending, suspect, isolated, counters, wakeup];
    await this.runFenced(lease, redisScripts.release, [lease.id], keys);
  }

  async reclaim(partition: number, limits: ReclaimLimits): Promise<Reclaimed> {
    const keys = this.keysOf(partition);
    await this.adoptOrphans(keys);
    const expired = await this.commands.run(
      redisScripts.expiredLeases,
      [keys.leases],
      [limits.maxLeases],
    );
    const reclaimed = { leases: 0, events: 0, dead: 0 };
    for (const leaseId of Array.isArray(expired) ? expired.map(String) : []) {
      const { lease, leases, suspect, isolated, dead, counters, wakeup } = keys;
      const reply = await this.commands.run(
        redisScripts.reclaim,
        [lease(leaseId), leases, suspect, isolated, dead, counters, wakeup],
        [leaseId, limits.maxCrashes],
      );
      const { events, deadEvents } = parseReclaimReply(reply);
      if (events > 0) reclaimed.leases += 1;
      reclaimed.events += events;
      reclaimed.dead += deadEvents;
    }
    return reclaimed;
  }

  async waitForEvents(partition: number, maxWaitMs: number, signal: AbortSignal): Promise<void> {
    const { wakeup } = this.keysOf(partition);
    if (signal.aborted || maxWaitMs <= 0) return;
    // One wait at a time on the connection: who comes while one is under way shares its end.
    this.waiting ??= this.waitForToken(wakeup, maxWaitMs).finally(() => {
      this.waiting = undefined;
    });
    const over = new AbortController();
    try {
      const limit = this.clock.sleep(maxWaitMs, AbortSignal.any([signal, over.signal]));
      await Promise.race([this.waiting, limit]);
    } finally {
      over.abort();
    }
  }

  async stats(partition: number): Promise<QueueStats> {
    const { pending, leases, delayed, dead, counters } = this.keysOf(partition);
    const keys = [pending, leases, delayed, dead, counters];
    return parseStatsReply(await this.commands.run(redisScripts.stats, keys, []));
  }

  async health(): Promise<QueueHealth> {
    await this.commands.call('ping', []);
    this.guarantee ??= await readDurability(this.commands);
    return this.guarantee;
  }

  close(): Promise<void> {
    this.blocking.close();
    this.commands.close();
    return Promise.resolve();
  }

  private keysOf(partition: number): PartitionKeys {
    checkPartition(partition, this.partitionCount());
    return this.keys;
  }

  /** Runs a script that answers 0 where the lease is not held any more. */
  private async runFenced(
    lease: LeaseRef,
    script: RedisScript,
    args: readonly RedisArgument[],
    keys: readonly string[],
  ): Promise<void> {
    const leaseKeys = [this.keys.lease(lease.id), this.keys.leases];
    const reply = await this.commands.run(script, [...leaseKeys, ...keys], args);
    if (Number(reply) === 0) {
      throw new PipelineError('LEASE_LOST', `lease ${lease.id} is not held any more`);
    }
  }

  private async waitForToken(wakeup: string, maxWaitMs: number): Promise<void> {
    try {
      const seconds = (maxWaitMs / 1_000).toFixed(3);
      await this.blocking.call('blpop', [wakeup, seconds], maxWaitMs + this.commandTimeoutMs);
    } catch {
      // A wait is only a hint: the caller looks for itself, and learns there why nothing comes.
      await this.clock.sleep(Math.min(maxWaitMs, PAUSE_WHILE_DOWN_MS));
    }
  }

  /**
   * Finds leases that the set of deadlines does not know (someone deleted it, or restored a part of
   * the keys), and gives them a deadline, so that they are reclaimed when that has passed. One
   * bounded step of the key space a call.
   */
  private async adoptOrphans(keys: PartitionKeys): Promise<void> {
    const reply = await this.commands.call('scan', [
      this.orphanCursor,
      'MATCH',
      keys.leasePattern,
      'COUNT',
      1_000,
    ]);
    if (!Array.isArray(reply) || !Array.isArray(reply[1])) return;
    this.orphanCursor = String(reply[0]);
    for (const key of reply[1].map(String)) {
      const leaseId = key.slice(keys.lease('').length);
      const lease = { partition: 0, id: leaseId, size: 0 };
      if ((await this.commands.call('zscore', [keys.leases, leaseId])) !== null) continue;
      this.dependencies.logger.warn({ lease: leaseId }, 'found a lease without a deadline');
      await this.extend(lease, 0).catch(() => undefined);
    }
  }

  /** Says in the log what an acknowledgement is worth here, at every (re)connect. */
  private async inspectServer(): Promise<void> {
    const { logger, random } = this.dependencies;
    try {
      const epoch = random.uuid();
      const known = await this.commands.call('set', [this.keys.epoch, epoch, 'NX', 'GET']);
      const current = typeof known === 'string' ? known : epoch;
      if (this.epoch !== undefined && this.epoch !== current) {
        logger.error(
          { redis: this.commands.place },
          'Redis came back without the data of this queue: what it had acknowledged may be lost',
        );
      }
      this.epoch = current;
      const guarantee = await readDurability(this.commands);
      const changed = this.guarantee?.detail !== guarantee.detail;
      this.guarantee = guarantee;
      if (!changed) return;
      const fields = { redis: this.commands.place, ...guarantee };
      if (guarantee.durability === 'disk') {
        logger.info(fields, 'acknowledged events are on disk');
      } else {
        logger.warn(
          fields,
          'acknowledged events may be lost with this Redis: set appendonly yes, appendfsync always, maxmemory-policy noeviction',
        );
      }
    } catch (error) {
      logger.debug({ error }, 'could not inspect Redis');
    }
  }
}
