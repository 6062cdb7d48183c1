import { randomUUID } from 'node:crypto';
import { systemRandom } from '@event-pipeline/runtime';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import type { Queue, QueueLimits } from '../../queue';
import { parseRedisUrl } from '../../redis-location';
import type { QueueUnderTest } from '../../testing';
import { partitionKeys, partitionsKey } from '../redis-keys';
import { openRedisQueue } from '../redis-queue';

/** What a test needs of the Redis, of whatever kind, that its queue is on. */
export interface RedisUnderTest {
  readonly url: string;
  /** Sends a command, past the queue, to the server that has the key now. */
  command(key: string, ...words: readonly (string | number)[]): Promise<unknown>;
}

export interface RedisQueueUnderTest extends QueueUnderTest {
  readonly name: string;
}

export async function createRedisQueueUnderTest(
  redis: RedisUnderTest,
  options: { limits?: Partial<QueueLimits>; commandTimeoutMs?: number; name?: string } = {},
): Promise<RedisQueueUnderTest> {
  const { name = `test_${randomUUID()}`, commandTimeoutMs = 5_000 } = options;
  const opened: Queue[] = [];
  const open = async () => {
    const queue = await openRedisQueue(
      {
        location: parseRedisUrl(redis.url),
        name,
        limits: { maxEvents: 0, maxBytes: 0, ...options.limits },
        commandTimeoutMs,
      },
      { random: systemRandom, logger: createLogSink().logger },
    );
    opened.push(queue);
    return queue;
  };
  return {
    name,
    queue: await open(),
    openAnother: open,
    passTime: (ms) => passTime(redis, name, ms),
    buryForeign: async (body) => {
      const { dead, counters } = partitionKeys(name, 0);
      await redis.command(dead, 'eval', BURY_FOREIGN, 2, dead, counters, body);
    },
    dispose: async () => {
      await Promise.all(opened.map((queue) => queue.close()));
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const { pending } = partitionKeys(name, partition);
        await redis.command(pending, 'eval', DELETE_KEYS, 1, pending, `{${pending}}:*`);
      }
    },
  };
}

const DELETE_KEYS = `
  redis.call('DEL', KEYS[1])
  for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end`;

const BURY_FOREIGN = `
  local time = redis.call('TIME')
  local now = time[1] .. string.format('%03d', math.floor(time[2] / 1000))
  redis.call('XADD', KEYS[1], '*', 'body', ARGV[1], 'reason', 'undecodable', 'error', 'no event',
    'handler', '', 'attempts', 1, 'crashes', 0, 'first', now, 'last', now)
  redis.call('HINCRBY', KEYS[2], 'enqueued', 1)
  redis.call('HINCRBY', KEYS[2], 'bytes', #ARGV[1])`;

/** Partitions that tests use at most. */
const PARTITIONS = 7;

/** The engine's clock is Redis' own, so not the clock moves but everything that refers to it. */
async function passTime(redis: RedisUnderTest, name: string, ms: number): Promise<void> {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const { pending, leases, delayed } = partitionKeys(name, partition);
    const keys = [leases, delayed];
    await redis.command(pending, 'eval', PASS_TIME, 2, ...keys, ms, `{${pending}}:batch:*`);
  }
  await redis.command(name, 'eval', PASS_TIME_OF_PARTITIONS, 1, partitionsKey(name), ms);
}

const PASS_TIME = `
  for _, key in ipairs(KEYS) do
    local members = redis.call('ZRANGE', key, 0, -1)
    for _, member in ipairs(members) do redis.call('ZINCRBY', key, -ARGV[1], member) end
  end
  for _, key in ipairs(redis.call('KEYS', ARGV[2])) do
    local left = redis.call('PTTL', key) - ARGV[1]
    if left > 0 then redis.call('PEXPIRE', key, left) else redis.call('DEL', key) end
  end`;

const PASS_TIME_OF_PARTITIONS = `
  local fields = redis.call('HGETALL', KEYS[1])
  for i = 1, #fields, 2 do
    local count, ended = string.match(fields[i + 1], '^(%d+),(%d+)$')
    if ended then
      local earlier = string.format('%s,%.0f', count, tonumber(ended) - ARGV[1])
      redis.call('HSET', KEYS[1], fields[i], earlier)
    end
  end`;

/** Repeats what may be refused while Redis is away: for 10 s. */
export async function untilAnswered<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
