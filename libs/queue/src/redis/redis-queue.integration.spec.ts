import { randomUUID } from 'node:crypto';
import { systemRandom } from '@event-pipeline/runtime';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import type { Queue } from '../queue';
import { parseRedisUrl } from '../redis-location';
import {
  batchOf,
  describeQueueContract,
  drainAll,
  event,
  events,
  expectConserved,
  expire,
  put,
  receive,
  startRedisServer,
  take,
  type QueueUnderTest,
  type RedisServer,
} from '../testing';
import { partitionKeys, partitionsKey } from './redis-keys';
import { openRedisQueue } from './redis-queue';

let server: RedisServer;

beforeAll(async () => {
  server = await startRedisServer();
});

afterAll(() => server.stop());

interface RedisQueueUnderTest extends QueueUnderTest {
  readonly name: string;
}

async function createRedisQueueUnderTest(
  options: { limits?: { maxEvents?: number; maxBytes?: number }; commandTimeoutMs?: number } = {},
): Promise<RedisQueueUnderTest> {
  const name = `test_${randomUUID()}`;
  const opened: Queue[] = [];
  const open = async () => {
    const queue = await openRedisQueue(
      {
        location: parseRedisUrl(server.url),
        name,
        limits: { maxEvents: 0, maxBytes: 0, ...options.limits },
        commandTimeoutMs: options.commandTimeoutMs ?? 5_000,
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
    passTime: (ms) => passTime(name, ms),
    dispose: async () => {
      await Promise.all(opened.map((queue) => queue.close()));
      await server.command('eval', DELETE_KEYS, 0, `*${name}*`);
    },
  };
}

const DELETE_KEYS = `for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end`;

/** The engine's clock is Redis' own, so not the clock moves but everything that refers to it. */
async function passTime(name: string, ms: number): Promise<void> {
  const keys = [0, 1, 2, 3, 4].flatMap((partition) => {
    const { leases, delayed } = partitionKeys(name, partition);
    return [leases, delayed];
  });
  await server.command(
    'eval',
    `local partitions = table.remove(KEYS)
     for _, key in ipairs(KEYS) do
       local members = redis.call('ZRANGE', key, 0, -1)
       for _, member in ipairs(members) do redis.call('ZINCRBY', key, -ARGV[1], member) end
     end
     for _, key in ipairs(redis.call('KEYS', ARGV[2])) do
       local left = redis.call('PTTL', key) - ARGV[1]
       if left > 0 then redis.call('PEXPIRE', key, left) else redis.call('DEL', key) end
     end
     local fields = redis.call('HGETALL', partitions)
     for i = 1, #fields, 2 do
       local count, ended = string.match(fields[i + 1], '^(%d+),(%d+)$')
       if ended then
         local earlier = string.format('%s,%.0f', count, tonumber(ended) - ARGV[1])
         redis.call('HSET', partitions, fields[i], earlier)
       end
     end`,
    keys.length + 1,
    ...keys,
    partitionsKey(name),
    ms,
    `*${name}*:batch:*`,
  );
}

describeQueueContract('Redis', createRedisQueueUnderTest);

describe('the queue on Redis', () => {
  let context: RedisQueueUnderTest;
  let queue: Queue;

  beforeEach(async () => {
    context = await createRedisQueueUnderTest({ commandTimeoutMs: 500 });
    queue = context.queue;
  });

  afterEach(() => context.dispose());

  it('keeps pending events readable in the list of the queue, the oldest at the right', async () => {
    await put(queue, events(1, 3));
    expect(await server.command('llen', context.name)).toBe(3);
    expect(await server.command('lrange', context.name, -1, -1)).toEqual([event(1)]);
  });

  it('loads its scripts again after they were flushed', async () => {
    await put(queue, [event(1)]);
    await server.command('script', 'flush');
    await put(queue, [event(2)]);
    expect(await drainAll(queue)).toEqual(events(1, 2));
  });

  it('keeps all its keys in one hash slot, whatever state events are in', async () => {
    await put(queue, events(1, 9));
    await take(queue);
    await expire(context);
    await queue.settle(await take(queue), [
      { index: 0, outcome: 'retry', delayMs: 60_000 },
      { index: 1, outcome: 'dead', reason: 'permanent-error', error: 'e', handler: 'h' },
    ]);
    await put(queue, events(10, 11));
    await take(queue);
    const keys = (await server.command('keys', `*${context.name}*`)) as string[];
    const tagged = keys.filter((key) => key.startsWith(`{${context.name}}:`));
    expect(tagged.length).toBeGreaterThan(7);
    expect(keys.filter((key) => !tagged.includes(key))).toEqual([context.name]);
  });

  it('rejects within its time limit while Redis does not answer, and recovers by itself', async () => {
    await put(queue, [event(1)]);
    server.pause();
    const batch = batchOf([event(2)]);
    try {
      await expect(queue.enqueue(0, [batch])).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
      await expect(queue.enqueue(0, [batch])).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
      await expect(queue.health()).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    } finally {
      server.resume();
    }
    // What was sent before the pause may have been carried out after it: the batch id tells.
    await untilAnswered(() => queue.enqueue(0, [batch]));
    expect(await drainAll(queue)).toEqual(events(1, 2));
  });

  it('keeps every acknowledged event over kill -9 of Redis', async () => {
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round++) {
      const bodies = events(round * 100 + 1, round * 100 + 100);
      await untilAnswered(() => put(queue, bodies));
      acknowledged.push(...bodies);
      await server.kill9();
      await server.restart();
    }
    await untilAnswered(() => queue.stats(0));
    expect(await drainAll(queue)).toEqual(acknowledged);
    expectConserved(await queue.stats(0));
  });

  it('refuses events at maxmemory and still lets workers drain', async () => {
    await put(queue, events(1, 500));
    await server.command('config', 'set', 'maxmemory', '1');
    try {
      await expect(queue.enqueue(0, [batchOf([event(501)])])).rejects.toMatchObject({
        code: 'QUEUE_FULL',
      });
      const lease = await take(queue, { maxEvents: 100 });
      await queue.extend(lease, 30_000);
      await queue.settle(lease, [
        { index: 0, outcome: 'retry', delayMs: 0 },
        { index: 1, outcome: 'dead', reason: 'permanent-error', error: 'e', handler: 'h' },
      ]);
      await queue.release(await take(queue, { maxEvents: 100 }));
      await drainAll(queue);
      expect(await queue.stats(0)).toMatchObject({ processed: 499, dead: 1, pending: 0 });
    } finally {
      await server.command('config', 'set', 'maxmemory', '0');
    }
    await put(queue, [event(501)]);
  });

  it('names the next pending event by its body alone, also after it has failed', async () => {
    await put(queue, [event(1)]);
    await queue.settle(await take(queue), [{ index: 0, outcome: 'retry', delayMs: 1 }]);
    await context.passTime(1);
    await queue.release(await take(queue));
    expect(await queue.stats(0)).toMatchObject({ pending: 1, oldestPending: event(1) });
  });

  it('names a key that another program uses', async () => {
    await server.command('set', context.name, 'not a list');
    await expect(put(queue, [event(1)])).rejects.toMatchObject({ code: 'QUEUE_CORRUPT' });
  });

  it('finds a lease whose deadline was lost', async () => {
    await put(queue, events(1, 4));
    await take(queue);
    await server.command('del', partitionKeys(context.name, 0).leases);
    await untilAnswered(async () => {
      const { events: reclaimed } = await queue.reclaim(0, { maxLeases: 10, maxCrashes: 3 });
      if (reclaimed === 0) throw new Error('not found yet');
    });
    expect(await drainAll(queue)).toEqual(events(1, 4));
  });

  it.each([
    ['appendfsync', 'everysec', 'always', 'bounded-loss'],
    ['no-appendfsync-on-rewrite', 'yes', 'no', 'bounded-loss'],
    ['maxmemory-policy', 'allkeys-lru', 'noeviction', 'memory'],
  ])('says what %s %s costs', async (setting, value, before, durability) => {
    await server.command('config', 'set', setting, value);
    const other = await createRedisQueueUnderTest();
    try {
      const { detail, ...health } = await other.queue.health();
      expect(health).toEqual({ durability });
      expect(detail).toMatch(/^appendonly yes, appendfsync \w+, maxmemory-policy [\w-]+/);
    } finally {
      await server.command('config', 'set', setting, before);
      await other.dispose();
    }
  });

  it('says so when Redis comes back without its data', async () => {
    const sink = createLogSink();
    const own = await startRedisServer();
    const watched = await openRedisQueue(
      { location: parseRedisUrl(own.url), name: 'q', limits: { maxEvents: 0, maxBytes: 0 } },
      { random: systemRandom, logger: sink.logger },
    );
    try {
      await put(watched, [event(1)]);
      await own.restart({ empty: true });
      await untilAnswered(() => Promise.resolve(expect(lost(sink)).toHaveLength(1)));
    } finally {
      await watched.close();
      await own.stop();
    }
  });

  it('changes nothing where a key of another program is in the way', async () => {
    await put(queue, events(1, 2));
    const lease = await take(queue);
    await server.command('set', partitionKeys(context.name, 0).dead, 'not a stream');
    const before = await server.command('zcard', partitionKeys(context.name, 0).delayed);
    await expect(
      queue.settle(lease, [
        { index: 0, outcome: 'retry', delayMs: 1 },
        { index: 1, outcome: 'dead', reason: 'permanent-error', error: 'e', handler: 'h' },
      ]),
    ).rejects.toMatchObject({ code: 'QUEUE_CORRUPT' });
    expect(await server.command('zcard', partitionKeys(context.name, 0).delayed)).toBe(before);
  });

  it('opens while Redis is out of reach, and says so once', async () => {
    const sink = createLogSink();
    const unreachable = await openRedisQueue(
      {
        location: parseRedisUrl('redis://127.0.0.1:1'),
        name: 'q',
        limits: { maxEvents: 0, maxBytes: 0 },
      },
      { random: systemRandom, logger: sink.logger },
    );
    await expect(receive(unreachable)).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await unreachable.waitForEvents(0, 500, new AbortController().signal);
    await unreachable.close();
    expect(sink.lines.map(({ msg }) => msg)).toEqual([
      'Redis at 127.0.0.1:1 is not reachable; trying again until it is',
    ]);
  });
});

/** The lines that say that the data is gone. */
function lost({ lines }: ReturnType<typeof createLogSink>) {
  return lines.filter(({ msg }) => /came back without the data/.test(String(msg)));
}

async function untilAnswered<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
