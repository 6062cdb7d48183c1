import { systemClock, systemRandom } from '@event-pipeline/runtime';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { decodeStoredEvent } from '@event-pipeline/contracts';
import {
  MAX_BATCH_BYTES,
  MAX_BATCH_EVENTS,
  MAX_DEAD_LETTERS,
  type Lease,
  type Queue,
  type QueueStats,
} from '@event-pipeline/queue';
import { createQueue } from '@event-pipeline/queue/create';
import {
  expectConserved,
  startRedisCluster,
  startRedisServer,
  type RedisCluster,
  type RedisServer,
  type RedisServerOptions,
} from '@event-pipeline/queue/testing';
import type { Scratch } from './scratch';
import { until } from './until';

/** A queue for one test, and a look into it from the outside. */
export interface QueueEngine {
  /** The variables that lead a program to it. */
  readonly variables: Readonly<Record<string, string>>;
  /** Of all partitions together; the pending event that is next in line is partition 0's. */
  stats(): Promise<QueueStats>;
  /** Of each partition. */
  partitionStats(): Promise<readonly QueueStats[]>;
  /** Changes the number of partitions, as a collector does that is configured so. */
  resize(partitions: number): Promise<void>;
  /** The ids of partition 0's pending events, oldest first; one that is there twice appears twice. */
  eventIds(): Promise<readonly string[]>;
  /** The ids of the dead letters of all partitions. */
  deadIds(): Promise<readonly string[]>;
  /** Waits until every event ever enqueued is done or dead and no lease is left. */
  untilEmpty(): Promise<QueueStats>;
  /** As {@link untilEmpty}; checks that none was lost on the way, and returns the last figures. */
  drained(): Promise<QueueStats>;
}

export interface RedisEngine extends QueueEngine {
  readonly redis: RedisServer;
}

export async function redisEngine(
  scratch: Scratch,
  options: RedisServerOptions = {},
): Promise<RedisEngine> {
  const redis = await startRedisServer(options);
  scratch.afterwards(() => redis.stop());
  return { redis, ...(await engineAt(redis.url, scratch)) };
}

export interface ClusterEngine extends QueueEngine {
  readonly cluster: RedisCluster;
}

export async function clusterEngine(scratch: Scratch): Promise<ClusterEngine> {
  const cluster = await startRedisCluster({ nodes: 3 });
  scratch.afterwards(() => cluster.stop());
  return { cluster, ...(await engineAt(cluster.url, scratch)) };
}

/** @param folder default: one of its own */
export async function embeddedEngine(scratch: Scratch, folder?: string): Promise<QueueEngine> {
  return engineAt(`embedded:${folder ?? (await scratch.folder())}`, scratch);
}

/** Both engines, for describe.each. */
export const ENGINES: readonly [string, (scratch: Scratch) => Promise<QueueEngine>][] = [
  ['Redis', redisEngine],
  ['embedded', embeddedEngine],
];

/** A queue on servers that the test has started. */
export async function engineAt(queueUrl: string, scratch: Scratch): Promise<QueueEngine> {
  const queue = await openQueue(queueUrl);
  scratch.afterwards(() => queue.close());
  const partitionStats = async () => {
    const all: QueueStats[] = [];
    for (let partition = 0; partition < queue.partitionCount(); partition++) {
      all.push(await queue.stats(partition));
    }
    return all;
  };
  const stats = async () => sumOf(await partitionStats());
  const untilEmpty = () =>
    until('the queue is empty', async () => {
      const now = await stats();
      const left = now.pending + now.suspect + now.leased + now.delayed + now.leases;
      return left === 0 && now;
    });
  return {
    variables: { QUEUE_URL: queueUrl },
    stats,
    partitionStats,
    resize: (partitions) => queue.resize(partitions),
    eventIds: () => pendingIds(queue),
    deadIds: () => deadIds(queue),
    untilEmpty,
    drained: async () => {
      const last = await untilEmpty();
      expectConserved(last);
      return last;
    },
  };
}

function sumOf(partitions: readonly QueueStats[]): QueueStats {
  return partitions.reduce((sum, stats) => {
    const added = Object.entries(stats).map(([name, value]) => {
      const before = sum[name as keyof QueueStats];
      return [name, typeof value === 'number' ? value + Number(before) : before];
    });
    return Object.fromEntries(added) as QueueStats;
  });
}

/** Leases everything, looks, and gives it back where it was. */
async function pendingIds(queue: Queue): Promise<readonly string[]> {
  const leases: Lease[] = [];
  for (;;) {
    const { lease } = await queue.receive({
      partition: 0,
      leaseId: systemRandom.uuid(),
      maxEvents: MAX_BATCH_EVENTS,
      maxBytes: MAX_BATCH_BYTES,
      leaseMs: 60_000,
      isolated: 'skip',
    });
    if (lease === undefined) break;
    leases.push(lease);
  }
  for (const lease of leases.toReversed()) await queue.release(lease);
  return leases.flatMap(({ deliveries }) =>
    deliveries.map(({ body }) => decodeStoredEvent(body).eventId),
  );
}

async function deadIds(queue: Queue): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let partition = 0; partition < queue.partitionCount(); partition++) {
    const limits = { maxLetters: MAX_DEAD_LETTERS, maxBytes: MAX_BATCH_BYTES };
    let after: string | undefined;
    do {
      const from = after === undefined ? {} : { after };
      const page = await queue.deadLetters.list(partition, { ...limits, ...from });
      ids.push(...page.letters.map(({ body }) => decodeStoredEvent(body).eventId));
      after = page.next;
    } while (after !== undefined);
  }
  return ids;
}

function openQueue(queueUrl: string): Promise<Queue> {
  return createQueue(
    {
      queueUrl,
      queueName: 'event_queue',
      redisHost: 'localhost',
      redisPort: 6_379,
      redisCommandTimeoutMs: 5_000,
      queueMaxEvents: 0,
      queueMaxBytes: 0,
      queueStrict: false,
    },
    { clock: systemClock, random: systemRandom, logger: createLogSink().logger },
  );
}
