import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { DATABASE_FILE } from './store-folder';
import { startStoreProcess, type StoreProcess } from './testing/store-process';

let path: string;
let started: StoreProcess[];
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'store-test-'));
  started = [];
});
afterEach(async () => {
  for (const one of started) await one.kill9();
  await rm(path, { recursive: true, force: true });
});

async function start(options?: Parameters<typeof startStoreProcess>[1]): Promise<StoreProcess> {
  const one = await startStoreProcess(path, options);
  started.push(one);
  return one;
}

function storedIds(): Set<string> {
  const database = new Database(join(path, DATABASE_FILE));
  try {
    expect(database.prepare('pragma integrity_check').raw().all()).toEqual([['ok']]);
    const rows = database.prepare('select id from events').raw().all() as [string][];
    return new Set(rows.map(([id]) => id));
  } finally {
    database.close();
  }
}

const missing = (all: ReadonlySet<string>, there: ReadonlySet<string>) =>
  [...all].filter((id) => !there.has(id));

describe('processes that share an embedded store', () => {
  it('write side by side, and a kill -9 of each loses nothing that it has said is stored', async () => {
    for (let round = 0; round < 3; round += 1) {
      const pair = await Promise.all([start(), start()]);
      await Promise.all(pair.map((one) => one.flood(50)));
      const [first, second] = pair as [StoreProcess, StoreProcess];
      const seen = second.storedIds.size;
      await first.kill9();
      // The other one is not held up by the dead one's lock.
      while (second.storedIds.size < seen + 200) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await second.kill9();
      const there = storedIds();
      for (const one of pair) expect(missing(one.storedIds, there)).toEqual([]);
    }
  });

  const hasLimits = process.platform === 'linux';
  (hasLimits ? it : it.skip)(
    'say that the store is out of reach while a file cannot grow, lose nothing, and go on when it can',
    async () => {
      const one = await start({ fileLimitKiB: 512 });
      let answer = '';
      for (let tries = 0; tries < 50 && !answer.startsWith('STORE'); tries += 1) {
        answer = await one.put(200);
      }
      expect(answer).toMatch(/^STORE_UNAVAILABLE: SQLite: /);
      expect(await one.put(200)).toMatch(/^STORE_UNAVAILABLE/);
      const before = one.storedIds.size;
      expect(before).toBeGreaterThan(0);
      execFileSync('prlimit', ['--pid', String(one.pid), '--fsize=unlimited']);
      expect(await one.put(200)).toBe('stored 200');
      expect(one.storedIds.size).toBe(before + 200);
      await one.kill9();
      expect(missing(one.storedIds, storedIds())).toEqual([]);
    },
  );
});
