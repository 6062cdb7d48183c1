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
  type RedisServer,
} from '../testing';
import { partitionKeys } from './redis-keys';
import { openRedisQueue } from './redis-queue';
import {
  createRedisQueueUnderTest,
  untilAnswered,
  type RedisQueueUnderTest,
} from './testing/redis-queue-under-test';

let server: RedisServer;

beforeAll(async () => {
  server = await startRedisServer();
});

afterAll(() => server.stop());

type Options = Parameters<typeof createRedisQueueUnderTest>[1];

const create = (options?: Options) =>
  createRedisQueueUnderTest(
    { url: server.url, command: (_key, ...words) => server.command(...words) },
    options,
  );

describeQueueContract('Redis', create);

describe('the queue on Redis', () => {
  let context: RedisQueueUnderTest;
  let queue: Queue;

  beforeEach(async () => {
    context = await create({ commandTimeoutMs: 500 });
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

  it('takes back the leases behind one whose key another program has taken', async () => {
    await put(queue, events(1, 4));
    const broken = await take(queue, { maxEvents: 2 });
    await take(queue, { maxEvents: 2 });
    const key = partitionKeys(context.name, 0).lease(broken.id);
    await server.command('set', key, 'not a list');
    await context.passTime(60_000);
    const reclaim = () => queue.reclaim(0, { maxLeases: 10, maxCrashes: 3 });
    expect(await reclaim()).toEqual({ leases: 1, events: 2, dead: 0 });
    expect(await reclaim()).toEqual({ leases: 0, events: 0, dead: 0 });
  });

  it.each([
    ['appendfsync', 'everysec', 'always', 'bounded-loss'],
    ['no-appendfsync-on-rewrite', 'yes', 'no', 'bounded-loss'],
    ['maxmemory-policy', 'allkeys-lru', 'noeviction', 'memory'],
  ])('says what %s %s costs', async (setting, value, before, durability) => {
    await server.command('config', 'set', setting, value);
    const other = await create();
    try {
      const { detail, durability: found, findings = [] } = await other.queue.health();
      expect(found).toBe(durability);
      expect(findings.filter(({ level }) => level === 'problem')).toMatchObject([
        { setting, value, change: [`CONFIG SET ${setting} ${before}`, expect.anything()] },
      ]);
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
