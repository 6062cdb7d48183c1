import type { Queue } from '../queue';
import {
  batchOf,
  drainAll,
  event,
  events,
  expectConserved,
  put,
  startRedisServer,
  take,
  type RedisServer,
} from '../testing';
import { partitionKeys } from './redis-keys';
import {
  createRedisQueueUnderTest,
  untilAnswered,
  type RedisQueueUnderTest,
} from './testing/redis-queue-under-test';

const PAGE = { maxLetters: 1_000, maxBytes: 1_000_000 };

describe('dead letters on Redis', () => {
  let server: RedisServer;
  let context: RedisQueueUnderTest;
  let queue: Queue;

  beforeAll(async () => {
    server = await startRedisServer();
  });

  afterAll(() => server.stop());

  beforeEach(async () => {
    const command = (_key: string, ...words: readonly (string | number)[]) =>
      server.command(...words);
    context = await createRedisQueueUnderTest({ url: server.url, command });
    queue = context.queue;
  });

  afterEach(() => context.dispose());

  /** Makes dead letters of as many events; their ids. */
  async function bury(count: number): Promise<string[]> {
    await put(queue, events(1, count));
    const lease = await take(queue, { maxEvents: 1_000 });
    await queue.settle(
      lease,
      lease.deliveries.map((_, index) => {
        return { index, outcome: 'dead', reason: 'permanent-error', error: 'e', handler: 'h' };
      }),
    );
    return (await queue.deadLetters.list(0, PAGE)).letters.map(({ id }) => id);
  }

  it('are put back and dropped at maxmemory too, so that workers can drain', async () => {
    const ids = await bury(300);
    await server.command('config', 'set', 'maxmemory', '1');
    try {
      await expect(queue.enqueue(0, [batchOf([event(0)])])).rejects.toMatchObject({
        code: 'QUEUE_FULL',
      });
      const redriven = await queue.deadLetters.redrive(0, ids.slice(0, 200));
      const purged = await queue.deadLetters.purge(0, ids.slice(200));
      expect(new Set([...redriven, ...purged])).toEqual(new Set(['moved']));
      expect(await drainAll(queue)).toEqual(events(1, 200));
      expect(await queue.stats(0)).toMatchObject({ processed: 200, purged: 100, dead: 0 });
    } finally {
      await server.command('config', 'set', 'maxmemory', '0');
    }
  });

  it('are moved once where an id is written in two ways', async () => {
    const [id = ''] = await bury(1);
    expect(await queue.deadLetters.redrive(0, [id, `0${id}`])).toEqual(['moved', 'gone']);
    expect(await drainAll(queue)).toEqual([event(1)]);
    expectConserved(await queue.stats(0));
  });

  it.each([
    ['begins with a mark of ours', ['body', '\u00011,1,1\u0001{}']],
    ['is empty', ['body', '']],
    ['is not there', ['something', 'else']],
  ])('stay where they are when their body %s, and the others move', async (_, fields) => {
    const ids = await bury(2);
    const { dead } = partitionKeys(context.name, 0);
    const foreign = String(await server.command('xadd', dead, '*', ...fields));
    const outcomes = await queue.deadLetters.redrive(0, [foreign, ...ids]);
    expect(outcomes).toEqual(['refused', 'moved', 'moved']);
    expect(await drainAll(queue)).toEqual(events(1, 2));
    expect(await server.command('xlen', dead)).toBe(1);
    expect(await queue.deadLetters.purge(0, [foreign])).toEqual(['moved']);
  });

  it.each(['dead', 'pending', 'counters'] as const)(
    'stay where they are when the key of %s is used by another program',
    async (name) => {
      const ids = await bury(2);
      const { [name]: key } = partitionKeys(context.name, 0);
      const kept = `${key}:kept`;
      if (name !== 'pending') await server.command('rename', key, kept);
      await server.command('set', key, 'another program');
      const call =
        name === 'counters' ? queue.deadLetters.purge(0, ids) : queue.deadLetters.redrive(0, ids);
      await expect(call).rejects.toMatchObject({ code: 'QUEUE_CORRUPT' });
      await server.command('del', key);
      if (name !== 'pending') await server.command('rename', kept, key);
      expect(await queue.deadLetters.redrive(0, ids)).toEqual(['moved', 'moved']);
    },
  );

  it('that were put back are still there after kill -9 of Redis', async () => {
    const ids = await bury(10);
    await queue.deadLetters.redrive(0, ids.slice(0, 4));
    await queue.deadLetters.purge(0, ids.slice(4, 6));
    await server.kill9();
    await server.restart();
    const stats = await untilAnswered(() => queue.stats(0));
    expect(stats).toMatchObject({ pending: 4, purged: 2, dead: 4 });
    expectConserved(stats);
    expect(await drainAll(queue)).toEqual(events(1, 4));
  });
});
