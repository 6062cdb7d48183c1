import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import type { Queue } from '../queue';
import { batchOf, drainAll, event, events, expectConserved, put } from '../testing';
import { openEmbeddedQueue } from './embedded-queue';
import {
  embeddedFolder,
  testFolder,
  type EmbeddedFolder,
} from './testing/embedded-queue-under-test';
import {
  buildQueueProcess,
  startQueueProcess,
  type QueueProcess,
} from './testing/start-queue-process';

const isRoot = process.getuid?.() === 0;
/** What needs a disk of its own mounts one: root may, but not in every container. */
const mayMount = canRun('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/tmp']);
const itWithMounts = mayMount ? it : it.skip;
/** What looks at system calls needs strace, and to be allowed to use it. */
const itWithStrace = canRun('strace', ['-f', '-o', '/dev/null', 'true']) ? it : it.skip;

function canRun(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

let scripts: string;
let script: string;
beforeAll(() => {
  scripts = testFolder();
  chmodSync(scripts, 0o755);
  script = buildQueueProcess(scripts);
});
afterAll(() => rmSync(scripts, { recursive: true, force: true }));

let folder: EmbeddedFolder;
let started: QueueProcess[];
beforeEach(() => {
  folder = embeddedFolder();
  started = [];
});
afterEach(async () => {
  for (const { child } of started) child.kill('SIGKILL');
  await Promise.all(started.map(({ ended }) => ended));
  await folder.dispose();
});

function start(command: string, ...args: unknown[]): QueueProcess {
  const queueProcess = startQueueProcess(script, [command, folder.path, ...args.map(String)]);
  started.push(queueProcess);
  return queueProcess;
}

const doneBy = ({ lines }: QueueProcess): string[] =>
  lines.filter((line) => line.startsWith('done ')).map((line) => line.slice(5));

/** The events of the batches that a producing process says were acknowledged. */
function acknowledged({ lines }: QueueProcess): string[] {
  return lines
    .filter((line) => line.startsWith('acked '))
    .flatMap((line) => {
      const [, from, first, size] = line.split(' ');
      return Array.from({ length: Number(size) }, (_, i) => `${from} ${Number(first) + i}`);
    });
}

/** Names an event as acknowledged() does. */
function nameOf(body: string): string {
  const { from, n } = JSON.parse(body) as { from: string; n: number };
  return `${from} ${n}`;
}

/** Has everything processed that is left, also what dead processes had in hand. */
async function finish(queue: Queue): Promise<string[]> {
  folder.clock.aheadMs += 3_600_001;
  await queue.reclaim(0, { maxLeases: 1_000, maxCrashes: 3 });
  const bodies = await drainAll(queue);
  for (;;) {
    const isolated = await drainAll(queue, { isolated: 'only' });
    if (isolated.length === 0) return bodies;
    bodies.push(...isolated);
  }
}

describe('several processes on one folder', () => {
  it('lose and double nothing under load, and keep the order of each producer', async () => {
    const consumers = [start('consume', 70), start('consume', 130)];
    const producers = [start('produce', 'a', 60, 50), start('produce', 'b', 60, 50)];
    for (const { ended } of producers) expect(await ended).toEqual({ code: 0, errors: '' });
    const queue = await folder.open();
    for (;;) {
      const { processed } = await queue.stats(0);
      if (processed === 6_000) break;
      await folder.clock.sleep(10);
    }
    const doneByAll = () => consumers.flatMap(doneBy);
    while (doneByAll().length < 6_000) await folder.clock.sleep(10);
    expect(doneByAll().map(nameOf).sort()).toEqual(producers.flatMap(acknowledged).sort());
    for (const consumer of consumers) {
      const numbers = doneBy(consumer)
        .map((body) => JSON.parse(body) as { from: string; n: number })
        .filter(({ from }) => from === 'a')
        .map(({ n }) => n);
      expect(numbers).toEqual([...numbers].sort((one, other) => one - other));
    }
    expect(await queue.stats(0)).toMatchObject({ enqueued: 6_000, leases: 0, expiredLeases: 0 });
  });

  it('keep every event that was acknowledged before its producer was killed', async () => {
    const queue = await folder.open();
    const kept: string[] = [];
    for (let round = 0; round < 8; round++) {
      const producer = start('produce', `p${round}`, 10_000, 20);
      await producer.said((_, lines) => acknowledged({ ...producer, lines }).length >= 20 * 7);
      producer.child.kill('SIGKILL');
      await producer.ended;
      const bodies = (await drainAll(queue, { maxEvents: 500 })).map(nameOf);
      const acked = acknowledged(producer);
      expect(bodies.slice(0, acked.length)).toEqual(acked);
      // At most the batch whose acknowledgement did not come through.
      expect(bodies.length - acked.length).toBeLessThanOrEqual(20);
      kept.push(...bodies);
      expectConserved(await queue.stats(0));
    }
    expect(new Set(kept).size).toBe(kept.length);
  });

  it('process every event though consumers are killed in the middle of their work', async () => {
    const producer = start('produce', 'a', 40, 50);
    const killed: QueueProcess[] = [];
    for (let round = 0; round < 6; round++) {
      const consumer = start('consume', 30);
      let leases = 0;
      await consumer.said((line) => line.startsWith('leased') && ++leases > round);
      consumer.child.kill('SIGKILL');
      killed.push(consumer);
      await consumer.ended;
    }
    expect(await producer.ended).toEqual({ code: 0, errors: '' });
    const queue = await folder.open();
    const rest = (await finish(queue)).map(nameOf);
    const all = [...killed.flatMap(doneBy).map(nameOf), ...rest];
    // A consumer killed between settling and saying so: settled, never said, never handed out again.
    const { processed, enqueued } = await queue.stats(0);
    expect({ processed, enqueued }).toEqual({ processed: 2_000, enqueued: 2_000 });
    expect(new Set(all).size).toBe(all.length);
    expect(2_000 - all.length).toBeLessThanOrEqual(30 * killed.length);
    expectConserved(await queue.stats(0));
  });

  it('end when they exit in the middle of transactions, and free the lock', async () => {
    for (let round = 0; round < 5; round++) {
      const busy = start('exit-busy', 20 + 7 * round);
      await busy.ended;
      expect(busy.child.exitCode === 7 || busy.child.signalCode === 'SIGKILL').toBe(true);
    }
    const queue = await folder.open();
    await put(queue, [event(1)]);
    expectConserved(await queue.stats(0));
  });
});

describe('a process that holds the lock', () => {
  it("delays another's call and not its event loop, and gives the lock up when it is killed", async () => {
    const queue = await folder.open();
    const holder = start('hold-lock');
    await holder.said((line) => line === 'holding');
    let answered = false;
    const enqueued = put(queue, events(1, 3)).then(() => (answered = true));
    for (let turn = 0; turn < 50; turn++) await folder.clock.sleep(1);
    expect(answered).toBe(false);
    expect(await queue.stats(0)).toMatchObject({ pending: 0 });
    holder.child.kill('SIGKILL');
    await enqueued;
    expect(await queue.stats(0)).toMatchObject({ pending: 3 });
  });

  it('makes calls fail after ten seconds, which then are not made up for later', async () => {
    const clock = new SimulatedClock();
    const queue = await openEmbeddedQueue(
      { path: folder.path, name: 'event_queue', limits: { maxEvents: 0, maxBytes: 0 } },
      { clock, random: { next: () => 0, uuid: () => '' }, logger: folder.log.logger },
    );
    const holder = start('hold-lock');
    await holder.said((line) => line === 'holding');
    const refused = queue.enqueue(0, [batchOf(events(1, 3))]);
    await clock.untilSleeping();
    await clock.advance(9_999);
    await clock.advance(1);
    await expect(refused).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await expect(queue.health()).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    holder.child.kill('SIGKILL');
    await put(queue, events(4, 5));
    expect(await queue.health()).toMatchObject({ durability: 'disk' });
    expect(await drainAll(queue)).toEqual(events(4, 5));
    await queue.close();
  });
});

describe('a folder that this user may not write to', () => {
  it('is refused in one line', async () => {
    const closed = join(folder.path, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o555);
    // Root may write anywhere, so the one who tries is somebody else.
    const other = startQueueProcess(script, ['open', closed], isRoot ? { uid: 65_534 } : {});
    started.push(other);
    const { code } = await other.ended;
    expect({ code, lines: other.lines }).toEqual({
      code: 1,
      lines: [
        expect.stringMatching(/^failed CONFIG_INVALID the folder ".*closed" cannot hold a queue/),
      ],
    });
    chmodSync(closed, 0o755);
  });
});

describe('a full disk', () => {
  let disk: string;
  const mount = (megabytes: number) => {
    disk = join(folder.path, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'none', disk]);
  };
  const unmount = () => execFileSync('umount', [disk]);

  itWithMounts(
    'refuses what does not fit, ends no process, and is over with the room',
    async () => {
      mount(8);
      try {
        const filling = startQueueProcess(script, ['fill-disk', disk]);
        started.push(filling);
        const { code } = await filling.ended;
        const refusal = 'NoRoomError QUEUE_UNAVAILABLE';
        expect({ code, lines: filling.lines }).toEqual({
          code: 0,
          lines: [refusal, refusal, refusal, 'recovered'],
        });
      } finally {
        unmount();
      }
    },
  );

  itWithMounts('refuses intake as QUEUE_FULL and lets workers settle', async () => {
    mount(24);
    // lmdb itself prints what went wrong.
    const printed = jest.spyOn(console, 'error').mockImplementation(() => undefined);
    const onDisk = embeddedFolder(disk);
    try {
      const queue = await onDisk.open();
      const bodies = Array.from({ length: 400 }, (_, n) => `{"n":${n},"x":"${'x'.repeat(2_000)}"}`);
      const isFull = async () => {
        const [result] = await queue.enqueue(0, [batchOf(bodies)]);
        return result?.outcome === 'refused' && result.reason === 'QUEUE_FULL';
      };
      while (!(await isFull()));
      const { pending } = await queue.stats(0);
      expect(await drainAll(queue, { maxEvents: 100 })).toHaveLength(pending);
      expect(await queue.stats(0)).toMatchObject({ pending: 0, processed: pending });
      execFileSync('mount', ['-o', 'remount,size=64m', disk]);
      while (await isFull()) await onDisk.clock.sleep(20);
      expectConserved(await queue.stats(0));
      await queue.close();
    } finally {
      printed.mockRestore();
      unmount();
    }
  });
});

describe('an acknowledgement', () => {
  itWithStrace(
    'comes after its data and then the page that makes it valid are flushed',
    async () => {
      const calls = join(folder.path, 'calls');
      execFileSync(
        'strace',
        [
          ...['-f', '-o', calls, '-e', 'trace=openat,write,writev,pwrite64,pwritev,fdatasync'],
          ...[process.execPath, script, 'produce', join(folder.path, 'traced'), 'a', '3', '200'],
        ],
        { stdio: 'ignore' },
      );
      const steps = namedSteps(readFileSync(calls, 'utf8'));
      expect(steps.slice(steps.indexOf('open'))).toEqual([
        'open',
        ...Array.from({ length: 3 }, () => ['data', 'flush', 'header', 'acked']).flat(),
      ]);
    },
  );
});

/** What a traced process did to its database, in order; repeated steps once. */
function namedSteps(calls: string): string[] {
  const descriptor = (flags: RegExp) => {
    const number = [...calls.matchAll(flags)].at(-1)?.[1];
    if (number === undefined) throw new Error('the database was not opened as expected');
    return number;
  };
  const data = descriptor(/data\.mdb", O_RDWR\|O_CREAT, \d+\) = (\d+)/g);
  const flushing = descriptor(/data\.mdb", O_WRONLY\|O_DSYNC\|O_CLOEXEC\) = (\d+)/g);
  const steps: [RegExp, string][] = [
    [new RegExp(`p?writev?(64)?\\(${data},`), 'data'],
    [new RegExp(`fdatasync\\(${data}[ )<]`), 'flush'],
    [new RegExp(`pwrite64\\(${flushing},`), 'header'],
    [/write\(1, "acked/, 'acked'],
    [/write\(1, "open/, 'open'],
  ];
  const named = calls.split('\n').map((call) => steps.find(([form]) => form.test(call))?.[1]);
  return named.filter((step, at): step is string => step !== undefined && step !== named[at - 1]);
}
