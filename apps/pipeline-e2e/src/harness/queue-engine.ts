import { systemClock, systemRandom } from '@event-pipeline/runtime';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { decodeStoredEvent } from '@event-pipeline/contracts';
import {
  MAX_BATCH_BYTES,
  MAX_BATCH_EVENTS,
  type Lease,
  type Queue,
  type QueueStats,
} from '@event-pipeline/queue';
import { createQueue } from '@event-pipeline/queue/create';
import { expectConserved, startRedisServer, type RedisServer } from '@event-pipeline/queue/testing';
import type { Scratch } from './scratch';
import { until } from './until';

/** A queue for one test, and a look into it from the outside. */
export interface QueueEngine {
  /** The variables that lead a program to it. */
  readonly variables: Readonly<Record<string, string>>;
  stats(): Promise<QueueStats>;
  /** The ids of all pending events, oldest first; an event that is there twice appears twice. */
  eventIds(): Promise<readonly string[]>;
  /**
   * Waits until every event ever enqueued is done or dead and no lease is left, checks that none
   * was lost on the way, and returns the last figures.
   */
  drained(): Promise<QueueStats>;
}

export interface RedisEngine extends QueueEngine {
  readonly redis: RedisServer;
}

export async function redisEngine(scratch: Scratch): Promise<RedisEngine> {
  const redis = await startRedisServer();
  scratch.afterwards(() => redis.stop());
  return { redis, ...(await engineAt(redis.url, scratch)) };
}

export async function embeddedEngine(scratch: Scratch): Promise<QueueEngine> {
  return engineAt(`embedded:${await scratch.folder()}`, scratch);
}

/** Both engines, for describe.each. */
export const ENGINES: readonly [string, (scratch: Scratch) => Promise<QueueEngine>][] = [
  ['Redis', redisEngine],
  ['embedded', embeddedEngine],
];

async function engineAt(queueUrl: string, scratch: Scratch): Promise<QueueEngine> {
  const queue = await openQueue(queueUrl);
  scratch.afterwards(() => queue.close());
  const stats = () => queue.stats(0);
  return {
    variables: { QUEUE_URL: queueUrl },
    stats,
    eventIds: () => pendingIds(queue),
    drained: async () => {
      const last = await until('the queue is empty', async () => {
        const now = await stats();
        const left = now.pending + now.suspect + now.leased + now.delayed + now.leases;
        return left === 0 && now;
      });
      expectConserved(last);
      return last;
    },
  };
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
    },
    { clock: systemClock, random: systemRandom, logger: createLogSink().logger },
  );
}
