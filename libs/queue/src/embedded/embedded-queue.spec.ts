import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BATCH_ID_WINDOW_MS, type Queue, type SettleException } from '../queue';
import {
  LEASE_MS,
  batchOf,
  bodiesOf,
  drainAll,
  event,
  events,
  expectConserved,
  put,
  receive,
  take,
} from '../testing';
import type { DeadLetterRecord } from './partition-records';
import {
  countKeys,
  embeddedFolder,
  withEnvironment,
  type EmbeddedFolder,
} from './testing/embedded-queue-under-test';

const never = new AbortController().signal;
const MIB = 1_048_576;

let folder: EmbeddedFolder;
beforeEach(() => {
  folder = embeddedFolder();
});
afterEach(() => folder.dispose());

const retry = (index: number, delayMs: number): SettleException => ({
  index,
  outcome: 'retry',
  delayMs,
});

describe('opening a folder', () => {
  it('makes the folder, and those above it', async () => {
    const below = embeddedFolder(join(folder.path, 'a', 'b.c'));
    await put(await below.open(), events(1, 2));
    expect(statSync(join(folder.path, 'a', 'b.c', 'data.mdb')).isFile()).toBe(true);
    await below.dispose();
  });

  it('refuses a path that cannot be a folder, in one line that names it', async () => {
    writeFileSync(join(folder.path, 'file'), '');
    const below = embeddedFolder(join(folder.path, 'file', 'queue'));
    const refusal = below.open();
    await expect(refusal).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(refusal).rejects.toThrow(/^the folder ".*\/file\/queue" cannot hold a queue.*$/);
  });

  it.each([
    ['of something else', Buffer.alloc(65_536, 7)],
    ['cut off', Buffer.alloc(100)],
  ])('says that the data is damaged where the file is %s', async (_, content) => {
    const file = join(folder.path, 'data.mdb');
    writeFileSync(file, content);
    await expect(folder.open()).rejects.toMatchObject({ code: 'QUEUE_CORRUPT' });
    await expect(folder.open()).rejects.toThrow(file);
  });

  it('says that the data is damaged where one of the two headers is', async () => {
    await (await folder.open()).close();
    const file = join(folder.path, 'data.mdb');
    const data = readFileSync(file);
    writeFileSync(file, data.fill(0, 4_096, 4_200));
    await expect(folder.open()).rejects.toMatchObject({ code: 'QUEUE_CORRUPT' });
  });

  it('makes a folder with the folders above it', async () => {
    const deep = embeddedFolder(join(folder.path, 'a', 'b', 'c'), folder.clock);
    await deep.open();
    await deep.dispose();
  });

  it('refuses a folder where none can be made', async () => {
    const inProc = embeddedFolder('/proc/queue', folder.clock);
    await expect(inProc.open()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('refuses a folder where a file of the database is a folder', async () => {
    mkdirSync(join(folder.path, 'lock.mdb'));
    await expect(folder.open()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it.each([0, 1.5, 2 ** 50])('refuses a map of %d bytes', async (mapSizeBytes) => {
    await expect(folder.open({ mapSizeBytes })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('refuses a queue that a later version wrote', async () => {
    await withEnvironment(folder, (environment) =>
      environment.transact(() =>
        environment.db.putSync(
          ['event_queue', 'queue'],
          Buffer.from('{"format":2,"partitions":1}'),
        ),
      ),
    );
    const refusal = folder.open();
    await expect(refusal).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(refusal).rejects.toThrow(/format 2/);
  });

  it('refuses a name that cannot be a key', async () => {
    await expect(folder.open({ name: 'a\u0000b' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  it('finds everything again that an earlier user left there', async () => {
    const before = await folder.open();
    await put(before, events(1, 10));
    await before.settle(await take(before, { maxEvents: 2 }), [retry(1, 1_000)]);
    const lease = await take(before, { maxEvents: 3 });
    const stats = await before.stats(0);
    await before.close();
    const after = await folder.open();
    expect(await after.stats(0)).toEqual(stats);
    await after.settle(lease, []);
    expect(await drainAll(after)).toEqual(events(6, 10));
    folder.clock.aheadMs += 1_000;
    expect(await drainAll(after)).toEqual([event(2)]);
  });

  it('keeps queues of different names apart', async () => {
    const [one, other] = [await folder.open({ name: 'one' }), await folder.open({ name: 'other' })];
    await put(one, events(1, 2));
    await put(other, events(3, 4));
    expect(await drainAll(one)).toEqual(events(1, 2));
    expect(await drainAll(other)).toEqual(events(3, 4));
  });
});

describe('the order of events', () => {
  it('is the old one again whatever the order in which leases are given back', async () => {
    const queue = await folder.open();
    await put(queue, events(1, 7));
    await put(queue, events(8, 12));
    const leases = [];
    for (let i = 0; i < 4; i++) leases.push(await take(queue, { maxEvents: 3 }));
    for (const i of [2, 0, 3, 1]) await queue.release(leases[i]!);
    expect(await drainAll(queue, { maxEvents: 5 })).toEqual(events(1, 12));
  });

  it('gives a released retry back to the retries, due as before', async () => {
    const queue = await folder.open();
    await put(queue, events(1, 3));
    await queue.settle(await take(queue, { maxEvents: 1 }), [retry(0, 10)]);
    folder.clock.aheadMs += 10;
    const mixed = await take(queue);
    expect(mixed.deliveries.map(({ attempts }) => attempts)).toEqual([1, 0, 0]);
    await queue.release(mixed);
    expect(await queue.stats(0)).toMatchObject({ delayed: 1, pending: 2 });
    expect(bodiesOf(await take(queue))).toEqual(bodiesOf(mixed));
  });

  it('holds for retries that fall due one after the other', async () => {
    const queue = await folder.open();
    await put(queue, events(1, 4));
    await queue.settle(
      await take(queue),
      [40_000, 20_000, 20_000, 10_000].map((delayMs, index) => retry(index, delayMs)),
    );
    folder.clock.aheadMs += 25_000;
    expect(bodiesOf(await take(queue))).toEqual([event(4), event(2), event(3)]);
    expect((await receive(queue)).nextDueMs).toBeLessThanOrEqual(15_000);
  });
});

describe('what is stored', () => {
  it('is nothing but counters once all is processed and batch ids are forgotten', async () => {
    const queue = await folder.open();
    for (let i = 0; i < 5; i++) await put(queue, events(i * 50, i * 50 + 49));
    await take(queue, { maxEvents: 70 });
    folder.clock.aheadMs += LEASE_MS + 1;
    await queue.reclaim(0, { maxLeases: 10, maxCrashes: 3 });
    const lease = await take(queue, { maxEvents: 20 });
    await queue.settle(lease, [retry(3, 5), { index: 4, outcome: 'release' }, retry(5, 5)]);
    folder.clock.aheadMs += BATCH_ID_WINDOW_MS;
    await drainAll(queue, { maxEvents: 30 });
    await queue.reclaim(0, { maxLeases: 10, maxCrashes: 3 });
    expect(await queue.stats(0)).toMatchObject({ processed: 250, bytes: 0 });
    expect(await countKeys(folder)).toEqual({ queue: 1, state: 1 });
  });

  it('is nothing but a dead letter of an event that ended its worker too often', async () => {
    const queue = await folder.open();
    await put(queue, [event(1)]);
    for (let crash = 0; crash <= 3; crash++) {
      await take(queue, { isolated: crash === 0 ? 'skip' : 'only' });
      folder.clock.aheadMs += LEASE_MS + 1;
      await queue.reclaim(0, { maxLeases: 1, maxCrashes: 3 });
    }
    folder.clock.aheadMs += BATCH_ID_WINDOW_MS;
    await queue.reclaim(0, { maxLeases: 1, maxCrashes: 3 });
    expect(await queue.stats(0)).toMatchObject({ dead: 1, suspect: 0, leases: 0 });
    expect(await countKeys(folder)).toEqual({ queue: 1, state: 1, dead: 1 });
  });

  it('is one chunk for the small batches of one call', async () => {
    const queue = await folder.open();
    await queue.enqueue(
      0,
      events(1, 1_500).map((body) => batchOf([body])),
    );
    expect(await countKeys(folder)).toMatchObject({ chunk: 2, pending: 2, batch: 1_500 });
    expect(await drainAll(queue, { maxEvents: 700 })).toEqual(events(1, 1_500));
  });

  it('is in chunks of bounded size however large the batch, and in order all the same', async () => {
    const queue = await folder.open();
    const large = (n: number) => `{"n":${n},"x":"${'x'.repeat(300_000)}"}`;
    const bodies = [0, 1, 2, 3, 4, 5, 6].map(large);
    await put(queue, bodies);
    expect(await countKeys(folder)).toMatchObject({ chunk: 3 });
    const lease = await take(queue, { maxBytes: 10_000_000 });
    expect(bodiesOf(lease)).toEqual(bodies);
    await queue.settle(
      lease,
      bodies.map((_, index) => retry(index, 10)),
    );
    expect(await countKeys(folder)).toMatchObject({ chunk: 3, delayed: 3 });
    folder.clock.aheadMs += 10;
    expect(await drainAll(queue, { maxBytes: 700_000 })).toEqual(bodies);
  });

  it('loses expired batch ids as new ones come, a few at a time', async () => {
    const queue = await folder.open();
    for (let i = 0; i < 40; i++) await put(queue, [event(i)]);
    folder.clock.aheadMs += BATCH_ID_WINDOW_MS;
    await put(queue, [event('a')]);
    expect(await countKeys(folder)).toMatchObject({ batch: 39 });
    for (let i = 0; i < 40; i++) await put(queue, [event(i)]);
    expect(await countKeys(folder)).toMatchObject({ batch: 41, expiry: 41 });
  });

  it('remembers a batch id that is queued again for its new time', async () => {
    const queue = await folder.open();
    const batch = batchOf([event(1)], { rememberMs: 1_000 });
    await queue.enqueue(0, [batch]);
    folder.clock.aheadMs += 2_000;
    const again = { ...batch, rememberMs: 60_000 };
    expect(await queue.enqueue(0, [again])).toEqual([{ outcome: 'queued' }]);
    await put(queue, [event(2)]);
    expect(await queue.enqueue(0, [again])).toMatchObject([{ outcome: 'duplicate' }]);
  });

  it('keeps what is known of a dead letter', async () => {
    const queue = await folder.open();
    await put(queue, events(1, 1));
    await queue.settle(await take(queue), [retry(0, 1)]);
    folder.clock.aheadMs += 60_000;
    await queue.settle(await take(queue), [
      {
        index: 0,
        outcome: 'dead',
        reason: 'attempts-exhausted',
        error: 'e'.repeat(5_000),
        handler: 'handle',
      },
    ]);
    const letter = await withEnvironment(folder, ({ db }) => {
      const [first] = [...db.getRange({ start: ['event_queue', 0, 'dead'] })];
      return JSON.parse(String(first?.value)) as DeadLetterRecord;
    });
    expect(letter).toMatchObject({
      body: event(1),
      reason: 'attempts-exhausted',
      error: 'e'.repeat(1_024),
      handler: 'handle',
      attempts: 2,
      crashes: 0,
    });
    expect(letter.lastFailureAt - letter.firstFailureAt).toBeGreaterThanOrEqual(60_000);
  });
});

describe('damaged data', () => {
  const damage = (kind: string, value: Buffer) =>
    withEnvironment(folder, (environment) =>
      environment.transact(() => {
        const [key] = [...environment.db.getKeys({ start: ['event_queue', 0, kind], limit: 1 })];
        environment.db.putSync(key!, value);
      }),
    );

  it.each([
    ['counters', 'state', Buffer.from('{"pending":-1}')],
    ['counters that are no JSON', 'state', Buffer.from('{')],
    ['events', 'chunk', Buffer.alloc(3)],
  ])('makes every call that meets it fail with QUEUE_CORRUPT: %s', async (_, kind, value) => {
    const queue = await folder.open();
    await put(queue, events(1, 3));
    await damage(kind, value);
    await expect(take(queue)).rejects.toMatchObject({ code: 'QUEUE_CORRUPT' });
    await expect(queue.stats(0)).rejects.toMatchObject({ code: 'QUEUE_CORRUPT' });
  });

  it('leaves everything as it was when a transition meets it half-way', async () => {
    const queue = await folder.open();
    await put(queue, events(1, 3));
    const lease = await take(queue);
    await damage('held', Buffer.alloc(1));
    const before = await countKeys(folder);
    // The dead letter is written before the damage is met.
    await expect(
      queue.settle(lease, [
        { index: 0, outcome: 'dead', reason: 'undecodable', error: '', handler: '' },
      ]),
    ).rejects.toMatchObject({ code: 'QUEUE_CORRUPT' });
    expect(await countKeys(folder)).toEqual(before);
    expectConserved(await queue.stats(0));
  });
});

describe('arguments', () => {
  it.each<[string, (queue: Queue) => Promise<unknown>]>([
    [
      'an event of more than 8 MiB',
      (queue) => queue.enqueue(0, [batchOf([event('x'.repeat(8 * MIB))])]),
    ],
    ['an endless delay', async (queue) => queue.settle(await take(queue), [retry(0, Infinity)])],
    [
      'an unknown outcome',
      async (queue) =>
        queue.settle(await take(queue), [
          { index: 0, outcome: 'lost' } as unknown as SettleException,
        ]),
    ],
    [
      'an unknown reason',
      async (queue) =>
        queue.settle(await take(queue), [
          { index: 0, outcome: 'dead', reason: 'bored' } as unknown as SettleException,
        ]),
    ],
    ['another size', async (queue) => queue.settle({ ...(await take(queue)), size: 2 }, [])],
    ['no time', async (queue) => queue.extend(await take(queue), Number.NaN)],
    ['no leases', (queue) => queue.reclaim(0, { maxLeases: 0, maxCrashes: 3 })],
    ['no crashes', (queue) => queue.reclaim(0, { maxLeases: 1, maxCrashes: 0 })],
  ])('are refused before anything changes: %s', async (_, call) => {
    const queue = await folder.open();
    await put(queue, events(1, 1));
    await expect(call(queue)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await queue.stats(0)).toMatchObject({ processed: 0, delayed: 0, dead: 0 });
  });
});

describe('a full map', () => {
  const mapSizeBytes = 4 * MIB;
  const large = (n: number) => `{"n":${n},"x":"${'x'.repeat(2_000)}"}`;
  const largeBatch = (size: number) => batchOf(Array.from({ length: size }, (_, n) => large(n)));

  async function fill(queue: Queue, size: number): Promise<number> {
    for (let taken = 0; ; taken++) {
      const [result] = await queue.enqueue(0, [largeBatch(size)]);
      if (result?.outcome === 'queued') continue;
      expect(result).toEqual({ outcome: 'refused', reason: 'QUEUE_FULL' });
      return taken;
    }
  }

  it('refuses intake, lets workers settle in every way, and takes events again after that', async () => {
    const queue = await folder.open({ mapSizeBytes });
    for (const size of [400, 45, 250]) {
      expect(await fill(queue, size)).toBeGreaterThan(2);
      const lease = await take(queue, { maxEvents: 10 });
      await queue.settle(lease, [retry(0, 1), { index: 1, outcome: 'release' }]);
      await queue.release(await take(queue, { maxEvents: 10 }));
      await take(queue, { maxEvents: 20 });
      folder.clock.aheadMs += LEASE_MS + 1;
      await queue.reclaim(0, { maxLeases: 10, maxCrashes: 3 });
      await drainAll(queue, { maxEvents: 500 });
    }
    expectConserved(await queue.stats(0));
    expect(statSync(join(folder.path, 'data.mdb')).size).toBeLessThan(2 * mapSizeBytes);
  });

  it('still answers a batch that was queued before as a duplicate', async () => {
    const queue = await folder.open({ mapSizeBytes });
    const batch = batchOf(events(1, 2), { answer: 'first' });
    await queue.enqueue(0, [batch]);
    await fill(queue, 200);
    expect(await queue.enqueue(0, [batch])).toEqual([{ outcome: 'duplicate', answer: 'first' }]);
  });
});

describe('waiting', () => {
  it('ends when a retry falls due', async () => {
    const queue = await folder.open();
    await put(queue, [event(1)]);
    await queue.settle(await take(queue), [retry(0, 60_000)]);
    await receive(queue);
    const waited = queue.waitForEvents(0, 3_600_000, never);
    folder.clock.aheadMs += 60_000;
    await waited;
    expect(bodiesOf((await receive(queue)).lease)).toEqual([event(1)]);
  });

  it('ends at once for what came between a receive that found nothing and the wait', async () => {
    const queue = await folder.open();
    const other = await folder.open();
    await put(other, [event(1)]);
    await take(other);
    await receive(queue);
    folder.clock.aheadMs += LEASE_MS + 1;
    await other.reclaim(0, { maxLeases: 1, maxCrashes: 3 });
    await queue.waitForEvents(0, 3_600_000, never);
    expect((await receive(queue)).isolatedWaiting).toBe(true);
  });

  it('ends when the queue is closed', async () => {
    const queue = await folder.open();
    const waited = queue.waitForEvents(0, 3_600_000, never);
    await queue.close();
    await waited;
  });

  it('does not end for an isolated suspect again and again', async () => {
    const queue = await folder.open();
    await put(queue, [event(1)]);
    await take(queue);
    folder.clock.aheadMs += LEASE_MS + 1;
    await queue.reclaim(0, { maxLeases: 1, maxCrashes: 3 });
    await receive(queue);
    const abort = new AbortController();
    let over = false;
    const waited = queue.waitForEvents(0, 3_600_000, abort.signal).then(() => (over = true));
    await folder.clock.sleep(120);
    expect(over).toBe(false);
    abort.abort();
    await waited;
  });
});

describe('a caller that asks again and again', () => {
  it.each<[string, (queue: Queue) => Promise<unknown>]>([
    ['receives from an empty queue', (queue) => receive(queue)],
    ['looks at the counters', (queue) => queue.stats(0)],
    ['takes back leases', (queue) => queue.reclaim(0, { maxLeases: 1, maxCrashes: 3 })],
    ['waits for what is there', (queue) => queue.waitForEvents(0, 1_000, AbortSignal.abort())],
  ])('leaves others their turn: one that %s', async (_, call) => {
    const queue = await folder.open();
    let othersHadTheirs = false;
    setImmediate(() => (othersHadTheirs = true));
    for (let i = 0; i < 1_000 && !othersHadTheirs; i++) await call(queue);
    expect(othersHadTheirs).toBe(true);
  });
});

describe('a queue that is closed', () => {
  it('has finished what was under way, and refuses what comes after', async () => {
    const queue = await folder.open();
    const underWay = [put(queue, events(1, 2)), put(queue, events(3, 4))];
    await queue.close();
    await Promise.all(underWay);
    await expect(queue.enqueue(0, [batchOf(events(5, 5))])).rejects.toMatchObject({
      code: 'QUEUE_UNAVAILABLE',
    });
    await expect(queue.stats(0)).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await expect(queue.health()).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    expect(await (await folder.open()).stats(0)).toMatchObject({ pending: 4 });
  });
});

describe('health', () => {
  it('does not call it a disk where the folder is in memory', async () => {
    const inMemory = '/dev/shm';
    try {
      statSync(inMemory);
    } catch {
      return;
    }
    const below = embeddedFolder(join(inMemory, `queue-${process.pid}-${folder.path.slice(-6)}`));
    expect(await (await below.open()).health()).toMatchObject({ durability: 'memory' });
    await below.dispose();
  });
});
