import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { systemClock } from '@event-pipeline/runtime';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import Database from 'libsql';
import { identicalText } from '../content';
import type { EventStore } from '../event-store';
import { storable, storables } from '../testing/store-under-test';
import { openEmbeddedStore } from './embedded-store';
import { SqliteThread } from './sqlite-thread';
import { DATABASE_FILE } from './store-folder';

let folder: string;
let path: string;
let opened: EventStore[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'store-test-'));
  path = join(folder, 'deep', 'store');
  opened = [];
});
afterEach(async () => {
  for (const store of opened) await store.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(options: { timeoutMs?: number; path?: string } = {}): Promise<EventStore> {
  const { timeoutMs = 20_000 } = options;
  const store = await openEmbeddedStore(
    { path: options.path ?? path, timeoutMs },
    { clock: systemClock, logger: createLogSink().logger, sameContent: identicalText },
  );
  opened.push(store);
  return store;
}

const openFile = () => new Database(join(path, DATABASE_FILE), { timeout: 20_000 });

describe('the folder of an embedded store', () => {
  it('is made, and holds one database that any tool of SQLite reads meanwhile', async () => {
    const store = await open();
    await store.put([storable({ data: '{"amount":7}' })]);
    expect(await readdir(path)).toContain(DATABASE_FILE);
    const reader = openFile();
    const row = reader
      .prepare(
        "select body ->> '$.data.amount' as amount, datetime(received_at / 1000, 'unixepoch') as at from events",
      )
      .get() as object;
    expect(row).toMatchObject({ amount: 7, at: '2025-06-01 12:00:00' });
    reader.close();
  });

  it('keeps its log on disk at every commit', async () => {
    await open();
    const reader = openFile();
    expect(reader.pragma('journal_mode', { simple: true })).toMatchObject({ journal_mode: 'wal' });
    reader.close();
  });

  it.each([
    ['a path through a file', (at: string) => join(at, 'file', 'store'), /cannot hold a store/],
    ['a folder in /proc', () => '/proc/nothing/store', /cannot hold a store/],
  ])('is refused in one line: %s', async (_, pathOf, message) => {
    await writeFile(join(folder, 'file'), '');
    const refused = await open({ path: pathOf(folder) }).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message) as string,
    });
    expect((refused as Error).message).not.toContain('\n');
  });

  it('is refused where the database is a folder, or a file of something else', async () => {
    await mkdir(join(path, DATABASE_FILE), { recursive: true });
    await expect(open()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await rm(join(path, DATABASE_FILE), { recursive: true });
    await writeFile(join(path, DATABASE_FILE), 'no database, but a text\n'.repeat(100));
    await expect(open()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/not a database: .*name another folder/) as string,
    });
  });

  it('is refused where a newer version of the pipeline has used it', async () => {
    await (await open()).close();
    const file = openFile();
    file.exec('pragma user_version = 99');
    file.close();
    await expect(open()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/schema version 99, .*newer version/) as string,
    });
  });

  it('can be opened by many at once when it is new', async () => {
    const stores = await Promise.all(Array.from({ length: 8 }, () => open()));
    const results = await Promise.all(stores.map((store) => store.put(storables(10))));
    expect(results.every(({ stored }) => stored === 10)).toBe(true);
  });
});

describe('an embedded store', () => {
  it('waits for another process that writes, for a limited time, and is in order afterwards', async () => {
    const store = await open({ timeoutMs: 300 });
    await store.put([storable()]);
    const other = openFile();
    other.exec('begin immediate');
    await expect(store.put([storable()])).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/another process holds the lock/) as string,
    });
    const waiting = (await open()).put(storables(5));
    other.exec('commit');
    expect(await waiting).toMatchObject({ stored: 5 });
    expect(await store.put([storable()])).toMatchObject({ stored: 1 });
    other.close();
  });

  it('refuses what a trigger in the file drops without a word', async () => {
    const store = await open();
    const other = openFile();
    other.exec(`create trigger swallow before insert on events when new.type = 'bad.type'
      begin select raise(ignore); end`);
    other.close();
    expect(await store.put([storable(), storable({ type: 'bad.type' })])).toMatchObject({
      stored: 1,
      duplicates: 0,
      refused: [{ index: 1, error: 'the database took the row and does not have it' }],
    });
  });

  it.each(
    ['before', 'after'].flatMap((when) =>
      ['abort', 'fail', 'rollback'].map((action) => [when, action] as const),
    ),
  )(
    'refuses what a trigger refuses %s its row with RAISE(%s), and stores its neighbours',
    async (when, action) => {
      const store = await open();
      const other = openFile();
      other.exec(`create trigger refuse ${when} insert on events when new.type = 'bad.type'
      begin select raise(${action}, 'not this type'); end`);
      const events = storables(20);
      for (const i of [0, 7, 8, 19]) events[i] = storable({ type: 'bad.type' });
      const { stored, refused } = await store.put(events);
      expect(stored).toBe(16);
      expect(refused.map(({ index }) => index)).toEqual([0, 7, 8, 19]);
      for (const { error } of refused) expect(error).toMatch(/not this type/);
      expect(other.prepare('select count(*) from events').raw().get()).toEqual([16]);
      other.close();
      expect(await store.put(storables(2))).toMatchObject({ stored: 2, refused: [] });
    },
  );

  it('refuses what a constraint with ON CONFLICT ROLLBACK refuses, and stores its neighbours', async () => {
    const store = await open();
    const other = openFile();
    other.exec('create table types (name text unique on conflict rollback)');
    other.exec(`create trigger once after insert on events when new.type = 'once.only'
      begin insert into types values (new.type); end`);
    other.close();
    const events = [storable(), ...storables(3, { type: 'once.only' }), storable()];
    const { stored, refused } = await store.put(events);
    expect(stored).toBe(3);
    expect(refused).toHaveLength(2);
    for (const { error } of refused) expect(error).toMatch(/UNIQUE constraint failed: types.name/);
    expect(await store.put(storables(2))).toMatchObject({ stored: 2, refused: [] });
  });

  it.each([
    ['all its files are deleted', async () => rm(path, { recursive: true })],
    ['its file is deleted', () => rm(join(path, DATABASE_FILE))],
    ['its write-ahead log is deleted', () => rm(join(path, `${DATABASE_FILE}-wal`))],
    ['its folder is moved', () => rename(path, `${path}-elsewhere`)],
    [
      'its file is replaced',
      async () => {
        await writeFile(join(folder, 'other'), '');
        await rename(join(folder, 'other'), join(path, DATABASE_FILE));
      },
    ],
  ])('calls nothing stored that no path leads to, and goes on anew: %s', async (_, damage) => {
    const store = await open();
    await store.put(storables(3));
    await damage();
    const batches = Array.from({ length: 3 }, () => storables(5));
    const answers = await Promise.allSettled(batches.map((batch) => store.put(batch)));
    expect(answers[0]).toMatchObject({
      status: 'rejected',
      reason: {
        code: 'STORE_UNAVAILABLE',
        message: expect.stringMatching(/deleted, moved or replaced/) as string,
      },
    });
    const last = storable();
    await store.put([last]);
    expect(await store.health()).toMatchObject({ durable: true });
    const confirmed = batches.filter((__, i) => answers[i]!.status === 'fulfilled').flat();
    const reader = openFile();
    const rows = reader.prepare('select id from events').raw().all() as [string][];
    reader.close();
    const ids = rows.map(([id]) => id);
    expect(ids).toEqual(expect.arrayContaining([...confirmed, last].map(({ id }) => id)));
  });

  it('is not healthy once its file is gone, and is so again with a new one', async () => {
    const store = await open();
    await rm(path, { recursive: true });
    await expect(store.health()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await store.health()).toMatchObject({ durable: true });
  });

  it('makes its table anew where it is gone', async () => {
    const store = await open();
    const other = openFile();
    other.exec('drop table events');
    await expect(store.put([storable()])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await store.put([storable()])).toMatchObject({ stored: 1 });
    other.exec('drop table events; create table events (id text primary key, mine text)');
    await expect(store.put([storable()])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(store.put([storable()])).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/"events" that is not of this store \(without type/) as string,
    });
    other.close();
  });

  it('is not made over a table of another program', async () => {
    await mkdir(path, { recursive: true });
    const other = openFile();
    other.exec('create table events (mine text)');
    await expect(open()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/not of this store: name another one/) as string,
    });
    expect(other.pragma('user_version', { simple: true })).toMatchObject({ user_version: 0 });
    other.close();
  });

  it('tries every batch in line, however long another process holds the lock', async () => {
    const store = await open({ timeoutMs: 100 });
    // So short that the last in line would be late if its time ran from the beginning.
    const other = openFile();
    other.exec('begin immediate');
    const heard: number[] = [];
    const answers = await Promise.allSettled(
      Array.from({ length: 30 }, (_, i) =>
        store.put([storable()], { onAnswer: () => (heard[i] = (heard[i] ?? 0) + 1) }),
      ),
    );
    other.exec('commit');
    other.close();
    for (const answer of answers) {
      expect(answer).toMatchObject({
        reason: { message: expect.stringMatching(/holds the lock/) as string },
      });
    }
    // Who waits hears that those before it were answered.
    expect(heard[29]).toBeGreaterThanOrEqual(30);
  });

  it('takes a batch out of the line when its caller gives up', async () => {
    const store = await open();
    const other = openFile();
    other.exec('begin immediate');
    const { thread } = store as unknown as { thread: SqliteThread };
    const first = store.put(storables(1));
    const givenUp = Array.from({ length: 20 }, () => new AbortController());
    const inLine = givenUp.map(({ signal }) =>
      store.put(storables(10), { signal }).catch((error: { code?: string }) => error.code),
    );
    while (thread.waiting < 20) await systemClock.sleep(1);
    for (const one of givenUp) one.abort();
    expect(await Promise.all(inLine)).toEqual(givenUp.map(() => 'STORE_UNAVAILABLE'));
    expect(thread.waiting).toBe(0);
    other.exec('commit');
    expect(await first).toMatchObject({ stored: 1 });
    expect(other.prepare('select count(*) from events').raw().get()).toEqual([1]);
    other.close();
  });

  it('leaves the event loop free while it writes', async () => {
    const store = await open();
    const batches = Array.from({ length: 10 }, () =>
      storables(1_000, { data: `"${'x'.repeat(300)}"` }),
    );
    const before = performance.eventLoopUtilization();
    for (const batch of batches) await store.put(batch);
    // Written on this thread, it would be 1.
    expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.8);
  });

  it('goes on in a new thread where its own has ended', async () => {
    const store = await open();
    await (store as unknown as { thread: SqliteThread }).thread.close();
    expect(await store.put([storable()])).toMatchObject({ stored: 1 });
    expect(await store.health()).toMatchObject({ durable: true });
  });

  it('fails every call after its thread has ended, and does not hang', async () => {
    const thread = new SqliteThread(1_000, systemClock);
    await mkdir(path, { recursive: true });
    await thread.open(join(path, DATABASE_FILE), []);
    await thread.close();
    await expect(thread.query('select 1')).rejects.toThrow(/thread of SQLite has ended/);
  });
});
