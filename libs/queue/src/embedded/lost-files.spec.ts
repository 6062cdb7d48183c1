import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@event-pipeline/runtime';
import { PackedEvents } from '../packed-events';
import type { EnqueueBatch, Queue } from '../queue';
import { batchOf, drainAll, events, put, take } from '../testing';
import { LostFileError } from './lmdb-errors';
import {
  embeddedFolder,
  testFolder,
  withEnvironment,
  type EmbeddedFolder,
} from './testing/embedded-queue-under-test';

let folder: EmbeddedFolder;
let elsewhere: string;
beforeEach(() => {
  folder = embeddedFolder();
  elsewhere = testFolder();
});
afterEach(async () => {
  await folder.dispose();
  rmSync(elsewhere, { recursive: true, force: true });
});

const data = () => join(folder.path, 'data.mdb');
const lock = () => join(folder.path, 'lock.mdb');
const WARNING = /was deleted, moved or replaced while it was in use/;
const REFUSAL = {
  code: 'QUEUE_UNAVAILABLE',
  message: expect.stringMatching(WARNING) as string,
};

/** A queue with an event of its own in another folder, closed. */
async function anotherQueue(): Promise<string> {
  const path = join(elsewhere, 'other');
  const other = embeddedFolder(path);
  const queue = await other.open();
  await put(queue, events(900, 901));
  await queue.close();
  return path;
}

/** A process that holds the write lock of the queue in a folder until it is ended. */
async function holdLock(path: string): Promise<ChildProcess> {
  const hold = `
    const { open } = require('lmdb');
    const db = open({ path: process.argv[1], encoding: 'binary', mapSize: 2 ** 34,
      noSubdir: false, eventTurnBatching: false, overlappingSync: false });
    db.transactionSync(() => {
      process.stdout.write('held');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
    });`;
  const neighbour = spawn(process.execPath, ['-e', hold, path], {
    cwd: __dirname,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(neighbour.stdout, 'data');
  return neighbour;
}

/** Sends a batch, and again where it is refused for a while, as callers do. */
async function putAtLast(queue: Queue, batch: EnqueueBatch): Promise<void> {
  await until(async () => {
    const answers = await queue.enqueue(0, [batch]).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    });
    return answers?.[0]?.outcome === 'queued';
  });
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let look = 0; look < 200; look++) {
    if (await condition()) return;
    await systemClock.sleep(50);
  }
  throw new Error('it did not come about');
}

const untilHealthy = (queue: Queue) => until(() => queue.health().then(Boolean, () => false));

const lostLines = () =>
  folder.log.lines.filter(({ level, msg }) => level === 'error' && WARNING.test(msg ?? ''));

describe('a queue whose files are lost while it is in use', () => {
  it.each<[string, () => void | Promise<void>]>([
    ['its folder is deleted', () => rmSync(folder.path, { recursive: true })],
    ['its data is deleted', () => rmSync(data())],
    ['its lock is deleted', () => rmSync(lock())],
    ['its folder is moved', () => renameSync(folder.path, join(elsewhere, 'moved'))],
    [
      'its folder is replaced by one without a queue',
      () => {
        rmSync(folder.path, { recursive: true });
        mkdirSync(folder.path);
      },
    ],
    [
      'its folder is replaced by another queue',
      async () => {
        const other = await anotherQueue();
        rmSync(folder.path, { recursive: true });
        renameSync(other, folder.path);
      },
    ],
    [
      'its data is replaced by that of another queue',
      async () => renameSync(join(await anotherQueue(), 'data.mdb'), data()),
    ],
  ])('acknowledges nothing that no path leads to, and goes on anew: %s', async (_, damage) => {
    const queue = await folder.open();
    await put(queue, events(1, 3));
    await damage();
    const batches = [events(10, 12), events(20, 22), events(30, 32)].map((of) => batchOf(of));
    for (const batch of batches) {
      await expect(queue.enqueue(0, [batch])).rejects.toMatchObject(REFUSAL);
    }

    for (const batch of batches) await putAtLast(queue, batch);
    await queue.close();
    const found = await drainAll(await folder.open());
    const expected = batches.flatMap(({ bodies }) => PackedEvents.of(bodies).texts());
    expect(found.filter((body) => expected.includes(body)).sort()).toEqual([...expected].sort());
  });

  it('says so once, counts it, is not healthy meanwhile, and is healthy again by itself', async () => {
    const queue = await folder.open();
    await queue.resize(3);
    rmSync(folder.path, { recursive: true });
    await expect(queue.health()).rejects.toMatchObject(REFUSAL);
    await untilHealthy(queue);
    expect(lostLines()).toEqual([
      expect.objectContaining({ file: data(), msg: expect.stringMatching(/stop every program/) }),
    ]);
    expect(folder.dataLost).toBe(1);
    expect(folder.log.messages).toContain(
      'the queue is open again, with what is in its folder now',
    );
    // As many partitions as before, so that nobody has to route anew.
    expect(queue.partitioning()).toMatchObject({ count: 3, generation: 1 });
    expect(await queue.enqueue(2, [batchOf(events(1, 2))])).toEqual([{ outcome: 'queued' }]);
  });

  it('keeps every event where only the lock was deleted', async () => {
    const queue = await folder.open();
    await put(queue, events(1, 3));
    rmSync(lock());
    await expect(queue.health()).rejects.toMatchObject(REFUSAL);
    await untilHealthy(queue);
    expect(await drainAll(queue)).toEqual(events(1, 3));
    expect(folder.dataLost).toBe(0);
    expect(lostLines()).toHaveLength(1);
  });

  it('refuses to settle, extend and release what it handed out before', async () => {
    const queue = await folder.open();
    await put(queue, events(1, 3));
    const lease = await take(queue);
    rmSync(folder.path, { recursive: true });
    await expect(queue.settle(lease, [])).rejects.toMatchObject(REFUSAL);
    await expect(queue.extend(lease, 1_000)).rejects.toMatchObject(REFUSAL);
    await untilHealthy(queue);
    await expect(queue.settle(lease, [])).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(await queue.stats(0)).toMatchObject({ enqueued: 0, leased: 0 });
  });

  it('waits, with one line that says why, where the path can hold no queue, until it can', async () => {
    const queue = await folder.open();
    rmSync(folder.path, { recursive: true });
    writeFileSync(folder.path, 'no folder');
    const why = 'the queue cannot be opened again';
    await until(() => folder.log.messages.includes(why));
    await expect(queue.enqueue(0, [batchOf(events(1, 1))])).rejects.toMatchObject(REFUSAL);
    rmSync(folder.path);
    await untilHealthy(queue);
    expect(folder.log.messages.filter((message) => message === why)).toHaveLength(1);
  });

  it('is closed without a new file when it is closed meanwhile', async () => {
    const queue = await folder.open();
    rmSync(folder.path, { recursive: true });
    await expect(queue.health()).rejects.toMatchObject(REFUSAL);
    await queue.close();
    expect(existsSync(folder.path)).toBe(false);
    expect(lostLines().length).toBeLessThanOrEqual(1);
  });
});

describe('lost files', () => {
  it('are counted as lost events where the lock went first', async () => {
    const queue = await folder.open();
    await put(queue, events(1, 3));
    rmSync(lock());
    await expect(queue.health()).rejects.toMatchObject(REFUSAL);
    rmSync(data());
    await untilHealthy(queue);
    expect(folder.dataLost).toBe(1);
    expect(lostLines().map(({ file }) => file)).toEqual([lock(), data()]);
  });

  it('answer no question: a batch that they remember is queued nowhere', async () => {
    const queue = await folder.open();
    const batch = batchOf(events(1, 3));
    await queue.enqueue(0, [batch]);
    rmSync(folder.path, { recursive: true });
    await expect(queue.remembers(0, [batch.id])).rejects.toMatchObject(REFUSAL);
    await expect(queue.stats(0)).rejects.toMatchObject(REFUSAL);
  });

  it('are not replaced for a caller who asked for a queue that is there', async () => {
    await (await folder.open()).close();
    const queue = await folder.open({ mustExist: true });
    rmSync(folder.path, { recursive: true });
    const { path } = folder;
    // Longer than others take to open a new one.
    await systemClock.sleep(2_000);
    await expect(queue.deadLetters.purge(0, ['0'])).rejects.toMatchObject(REFUSAL);
    await queue.close();
    expect(existsSync(path)).toBe(false);
  });

  it('that still have a transaction waiting for the lock are let go of before the folder is opened again', async () => {
    const queue = await folder.open();
    await put(queue, events(1, 3));
    const other = await anotherQueue();
    const neighbour = await holdLock(folder.path);
    const waiting = queue.enqueue(0, [batchOf(events(5, 6))]);
    await Promise.all([
      expect(waiting).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' }),
      (async () => {
        renameSync(join(other, 'data.mdb'), data());
        // Longer than a close waits for what is under way.
        await until(() => folder.log.messages.includes('the queue cannot be opened again'));
        neighbour.kill('SIGKILL');
      })(),
    ]);
    await untilHealthy(queue);
    expect(await drainAll(queue)).toEqual(events(900, 901));
  });
});

describe('a transaction', () => {
  it('does no work in a lost file: it would use up what the new one counts by', async () => {
    await withEnvironment(folder, async (environment) => {
      rmSync(data());
      let worked = false;
      await expect(environment.transact(() => (worked = true))).rejects.toThrow(LostFileError);
      expect(worked).toBe(false);
    });
  });

  it('is no success where its file is lost after its work', async () => {
    await withEnvironment(folder, async (environment) => {
      const lost = environment.transact(() => {
        environment.db.putSync(['a'], Buffer.from('b'));
        rmSync(data());
      });
      await expect(lost).rejects.toThrow(LostFileError);
      expect(() => environment.read(() => environment.db.get(['a']))).toThrow(LostFileError);
    });
  });
});
