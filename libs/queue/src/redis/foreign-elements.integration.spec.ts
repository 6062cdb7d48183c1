import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Lease, Queue, SettleException } from '../queue';
import {
  batchOf,
  bodiesOf,
  drainAll,
  event,
  events,
  expectConserved,
  expire,
  LEASE_MS,
  put,
  receive,
  startRedisServer,
  take,
  type RedisServer,
} from '../testing';
import { partitionKeys, type PartitionKeys } from './redis-keys';
import {
  createRedisQueueUnderTest,
  type RedisQueueUnderTest,
} from './testing/redis-queue-under-test';

/** What others write into the keys of the queue costs no event that the queue has acknowledged. */

let server: RedisServer;
let context: RedisQueueUnderTest;
let queue: Queue;
let keys: PartitionKeys;

beforeAll(async () => {
  server = await startRedisServer({ args: ['--appendfsync', 'no'] });
});
afterAll(() => server.stop());

async function open(): Promise<void> {
  context = await createRedisQueueUnderTest({
    url: server.url,
    command: (_key, ...words) => server.command(...words),
  });
  ({ queue } = context);
  keys = partitionKeys(context.name, 0);
}

const FROM_HEX = `(string.gsub(ARGV[1], '..', function(h) return string.char(tonumber(h, 16)) end))`;

/** Any bytes, which a command of strings could not carry. */
async function push(command: 'LPUSH' | 'RPUSH', key: string, bytes: Uint8Array): Promise<void> {
  const script = `return redis.call('${command}', KEYS[1], ${FROM_HEX})`;
  await server.command('eval', script, 1, key, Buffer.from(bytes).toString('hex'));
}

async function delay(key: string, bytes: Uint8Array): Promise<void> {
  const script = `return redis.call('ZADD', KEYS[1], '-inf', ${FROM_HEX})`;
  await server.command('eval', script, 1, key, Buffer.from(bytes).toString('hex'));
}

/** Settles what can be received, isolated events included, as done. */
async function drainEverything(): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    const before = all.length;
    all.push(...(await drainAll(queue)), ...(await drainAll(queue, { isolated: 'only' })));
    if (all.length === before) return all;
  }
}

const deadBodies = async () => {
  const page = await queue.deadLetters.list(0, { maxLetters: 1_000, maxBytes: 1_000_000 });
  return page.letters.map(({ body }) => body);
};

const text = (written: string) => new Uint8Array(Buffer.from(written));

/** Each is like one of the forms that scripts/element.lua has, and is none. */
const MALFORMED = [
  '\u0001abc',
  '\u0001',
  '\u00019,9\u0001{}',
  '\u00011,1,1',
  '\u00019999999999999999999999,1,1\u0001{}',
  '\u0002 3',
  '\u0002',
  '\u000299999999999',
  '\u00023',
  '\u0003p,1,1',
  '\u0003',
  '',
  'garbage',
  '\0\u0001\0',
].map((written) => [JSON.stringify(written), written] as const);

describe('elements that others put into the lists', () => {
  beforeEach(open);
  afterEach(() => context.dispose());

  it.each(MALFORMED)('%s among pending events is handed out as it is', async (_, foreign) => {
    await put(queue, events(1, 100));
    await push('LPUSH', keys.pending, text(foreign));
    await put(queue, events(101, 200));
    expect(await drainAll(queue)).toEqual([...events(1, 100), foreign, ...events(101, 200)]);
    const { pending, leased, processed } = await queue.stats(0);
    expect({ pending, leased, processed }).toEqual({ pending: 0, leased: 0, processed: 201 });
  });

  it.each(MALFORMED)('%s can fail, be given back and crash its worker', async (_, foreign) => {
    await put(queue, [event(1)]);
    await push('LPUSH', keys.pending, text(foreign));
    await put(queue, [event(2)]);
    await queue.release(await take(queue));
    const retry = { outcome: 'retry' as const, delayMs: 0 };
    const both = await take(queue);
    await queue.settle(both, [
      { index: 0, ...retry },
      { index: 1, ...retry },
    ]);
    const again = await take(queue);
    expect(again.deliveries.map(({ attempts }) => attempts)).toEqual([1, 1]);
    await expire(context);
    expect((await drainEverything()).sort()).toEqual([event(1), foreign].sort());
    await expect(take(queue)).rejects.toThrow('nothing to receive');
    expect(await queue.stats(0)).toMatchObject({ suspect: 0, leased: 0, delayed: 0, pending: 0 });
  });

  it.each(MALFORMED)('%s is dead as it is where a worker says so', async (_, foreign) => {
    await push('LPUSH', keys.pending, text(foreign));
    await put(queue, [event(1)]);
    const dead = {
      outcome: 'dead' as const,
      reason: 'undecodable' as const,
      error: 'e',
      handler: '',
    };
    await queue.settle(await take(queue), [{ index: 0, ...dead }]);
    expect(await deadBodies()).toEqual([foreign]);
    expect(await queue.stats(0)).toMatchObject({ processed: 1, dead: 1, leased: 0 });
  });

  it.each(MALFORMED)('%s among suspects or retries takes no event with it', async (_, foreign) => {
    await put(queue, events(1, 9));
    await take(queue, { maxEvents: 8 });
    await expire(context);
    await push('RPUSH', keys.suspect, text(foreign));
    await push('LPUSH', keys.suspect, text(foreign));
    await delay(keys.delayed, text(foreign));
    const drained = await drainEverything();
    expect(drained).toEqual(expect.arrayContaining(events(1, 9)));
    expect(drained.filter((body) => body.startsWith('{"n"')).sort()).toEqual(events(1, 9));
    expect(await server.command('exists', keys.suspect, keys.delayed, keys.pending)).toBe(0);
  });

  it.each(['LPUSH', 'RPUSH'] as const)(
    '%s into a lease: all of it comes again',
    async (command) => {
      await put(queue, events(1, 9));
      const lease = await take(queue);
      await push(command, keys.lease(lease.id), text('\u0003garbage'));
      await expect(queue.settle(lease, [])).rejects.toMatchObject({ code: 'LEASE_LOST' });
      await expire(context);
      expect(await drainEverything()).toEqual(expect.arrayContaining(events(1, 9)));
    },
  );

  it('a lease that has lost events gives back those that it has', async () => {
    await put(queue, events(1, 9));
    const lease = await take(queue);
    await server.command('ltrim', keys.lease(lease.id), 0, -3);
    await expect(
      queue.settle(lease, [{ index: 8, outcome: 'retry', delayMs: 0 }]),
    ).rejects.toMatchObject({ code: 'LEASE_LOST' });
    await queue.release(lease);
    expect(await drainAll(queue)).toEqual(events(1, 7));
  });

  it('a lease that is no list does not keep the others from coming back', async () => {
    await put(queue, events(1, 2));
    await take(queue, { maxEvents: 1 });
    await server.command('set', keys.lease('foreign'), 'x');
    await server.command('zadd', keys.leases, 0, 'foreign');
    await expire(context);
    expect((await drainEverything()).sort()).toEqual(events(1, 2));
    await server.command('del', keys.lease('foreign'));
  });
});

describe('counters that others overwrote', () => {
  beforeEach(open);
  afterEach(() => context.dispose());

  const COUNTERS = ['enqueued', 'leased', 'bytes', 'processed', 'suspect', 'retried'];
  it.each(COUNTERS)('%s is no number: nothing moves, and the field is named', async (field) => {
    await put(queue, events(1, 3));
    const lease = await take(queue, { maxEvents: 1 });
    await put(queue, events(4, 5));
    const counter = String((await server.command('hget', keys.counters, field)) ?? 0);
    const corrupt = {
      code: 'QUEUE_CORRUPT',
      message: expect.stringContaining(`the field ${field} of `) as string,
    };
    await server.command('hset', keys.counters, field, 'abc');
    await expect(receive(queue)).rejects.toMatchObject(corrupt);
    await expect(queue.enqueue(0, [batchOf([event(6)])])).rejects.toMatchObject(corrupt);
    await expect(
      queue.settle(lease, [{ index: 0, outcome: 'retry', delayMs: 0 }]),
    ).rejects.toMatchObject(corrupt);
    await expect(queue.release(lease)).rejects.toMatchObject(corrupt);
    await expect(expire(context)).rejects.toMatchObject(corrupt);
    await server.command('hset', keys.counters, field, counter);
    expectConserved(await queue.stats(0));
    await expire(context);
    expect((await drainEverything()).sort()).toEqual(events(1, 5));
  });

  it('a key of the wrong type: what falls due for a retry is not lost', async () => {
    await put(queue, [event(1)]);
    await queue.settle(await take(queue), [{ index: 0, outcome: 'retry', delayMs: 0 }]);
    await server.command('set', keys.pending, 'foreign');
    await expect(receive(queue)).rejects.toMatchObject({ code: 'QUEUE_CORRUPT' });
    await server.command('del', keys.pending);
    expect(await drainAll(queue)).toEqual([event(1)]);
  });

  it('a stream of dead letters that takes no more: the event stays, whatever it was to become', async () => {
    await put(queue, events(1, 2));
    await server.command('xadd', keys.dead, '18446744073709551615-18446744073709551615', 'f', 'v');
    const lease = await take(queue);
    const dead = {
      outcome: 'dead' as const,
      reason: 'undecodable' as const,
      error: 'e',
      handler: '',
    };
    const outcomes: SettleException[] = [
      { index: 0, outcome: 'retry', delayMs: 0 },
      { index: 1, ...dead },
    ];
    await expect(queue.settle(lease, outcomes)).rejects.toMatchObject({
      code: 'QUEUE_UNAVAILABLE',
    });
    await expire(context);
    const alone = await take(queue, { isolated: 'only' });
    await context.passTime(LEASE_MS + 1);
    const limits = { maxLeases: 100, maxCrashes: 1 };
    await expect(queue.reclaim(0, limits)).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await server.command('del', keys.dead);
    await queue.release(alone);
    expect((await drainEverything()).sort()).toEqual(events(1, 2));
    expect(await queue.stats(0)).toMatchObject({ delayed: 0, leased: 0, suspect: 0 });
  });

  it('a reclaim that fails in the middle reports what it had taken back; the next meets the error', async () => {
    await put(queue, [event(1)]);
    await take(queue);
    await expire(context);
    await put(queue, events(2, 5));
    await take(queue, { maxEvents: 2, leaseMs: 1_000 });
    // Alone, and about to become a dead letter: the stream that takes none makes its lease fail.
    await take(queue, { isolated: 'only', leaseMs: 2_000 });
    await take(queue, { maxEvents: 2, leaseMs: 3_000 });
    await server.command('xadd', keys.dead, '18446744073709551615-18446744073709551615', 'f', 'v');
    await context.passTime(LEASE_MS + 1);

    const reclaim = () => queue.reclaim(0, { maxLeases: 100, maxCrashes: 1 });
    expect(await reclaim()).toEqual({ leases: 1, events: 2, dead: 0 });
    await expect(reclaim()).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    expect(await queue.stats(0)).toMatchObject({ suspect: 2, leased: 3, leases: 2 });
    await server.command('del', keys.dead);
    expect(await reclaim()).toEqual({ leases: 2, events: 3, dead: 1 });
    expect((await drainEverything()).sort()).toEqual(events(2, 5));
    expect(await deadBodies()).toEqual([event(1)]);
  });

  it('a batch id that is remembered as something else is refused, and its neighbours are queued', async () => {
    const batches = [batchOf([event(1)]), batchOf([event(2)]), batchOf([event(3)])];
    const [, second, third] = batches.map(({ id }) => keys.batch(id));
    await server.command('set', second ?? '', 'no line');
    await server.command('lpush', third ?? '', 'x');
    const refused = { outcome: 'refused', reason: 'BATCH_ID_REUSED' };
    expect(await queue.enqueue(0, batches)).toEqual([{ outcome: 'queued' }, refused, refused]);
    expect(await drainAll(queue)).toEqual([event(1)]);
    expectConserved(await queue.stats(0));
  });
});

/** Bytes that are near to what the scripts look for, and any others. */
const foreignBytes = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.string({ unit: fc.constantFrom(...'\u0001\u0002\u0003\0,p1:9s{}'), maxLength: 12 }).map(text),
  fc.constantFrom(...MALFORMED.map(([, written]) => text(written))),
);

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      count: fc.integer({ min: 1, max: 20 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('foreign' as const), bytes: foreignBytes }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('settle' as const, 'release' as const, 'crash' as const),
      max: fc.integer({ min: 1, max: 30 }),
      maxBytes: fc.integer({ min: 1, max: 200 }),
      isolated: fc.constantFrom('only' as const, 'skip' as const),
      outcomes: fc.array(fc.constantFrom('done', 'retry', 'dead', 'release', 'defer'), {
        minLength: 1,
        maxLength: 8,
      }),
    }),
  },
);

describe('whatever bytes lie among the events', () => {
  it('every good event is handed out or dead exactly once in the end, and so is every other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        await open();
        try {
          let good = 0;
          let foreign = 0;
          const done: string[] = [];
          for (const one of steps) {
            if (one.do === 'put') {
              await put(queue, events(good + 1, good + one.count));
              good += one.count;
            } else if (one.do === 'foreign') {
              await push('LPUSH', keys.pending, one.bytes);
              foreign += 1;
            } else {
              const { max: maxEvents, maxBytes, isolated } = one;
              const { lease } = await receive(queue, { maxEvents, maxBytes, isolated });
              if (!lease) continue;
              if (one.do === 'release') await queue.release(lease);
              if (one.do === 'crash') await expire(context);
              if (one.do === 'settle') done.push(...(await settle(lease, one.outcomes)));
            }
          }
          done.push(...(await drainEverything()), ...(await deadBodies()));
          const isGood = (body: string) => body.startsWith('{"n":');
          expect(done.filter(isGood).sort()).toEqual(events(1, good).sort());
          expect(done.filter((body) => !isGood(body))).toHaveLength(foreign);
          const { pending, suspect, leased, delayed, processed, dead } = await queue.stats(0);
          expect({ pending, suspect, leased, delayed, ended: processed + dead }).toEqual({
            ...{ pending: 0, suspect: 0, leased: 0, delayed: 0 },
            ended: good + foreign,
          });
        } finally {
          await context.dispose();
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  /** Returns what is done. */
  async function settle(lease: Lease, outcomes: readonly string[]): Promise<string[]> {
    const exceptions: SettleException[] = [];
    const done: string[] = [];
    for (const [index, body] of bodiesOf(lease).entries()) {
      const outcome = outcomes[index % outcomes.length];
      if (outcome === 'retry' || outcome === 'defer')
        exceptions.push({ index, outcome, delayMs: 0 });
      else if (outcome === 'release') exceptions.push({ index, outcome });
      else if (outcome === 'dead') {
        const reason = 'undecodable';
        exceptions.push({ index, outcome, reason, error: randomUUID(), handler: '' });
      } else done.push(body);
    }
    await queue.settle(lease, exceptions);
    return done;
  }
});
