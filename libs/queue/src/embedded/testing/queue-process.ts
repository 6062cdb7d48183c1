import { writeSync } from 'node:fs';
import { PipelineError, systemClock, systemRandom } from '@event-pipeline/runtime';
import { createLogger } from '@event-pipeline/telemetry';
import type { Queue } from '../../queue';
import { openEmbeddedQueue } from '../embedded-queue';
import { Environment } from '../environment';

/**
 * A process of its own that uses the queue in a folder, for the specs: `<command> <folder> …`. Says
 * what it did line by line, each written before it goes on.
 */
const [command = '', path = '', ...rest] = process.argv.slice(2);
const logger = createLogger({
  name: 'queue-process',
  level: 'error',
  format: 'json',
  destination: 'stderr',
});
const dependencies = { clock: systemClock, random: systemRandom, logger };
const never = new AbortController().signal;

const say = (line: string) => void writeSync(1, `${line}\n`);
const open = () =>
  openEmbeddedQueue(
    { path, name: 'event_queue', limits: { maxEvents: 0, maxBytes: 0 } },
    dependencies,
  );

/** Enqueues batches for ever: `acked <name> <first> <size>` once a batch is acknowledged. */
async function produce(queue: Queue, name: string, batches: number, size: number): Promise<void> {
  for (let batch = 0; batch < batches; batch++) {
    const bodies = Array.from(
      { length: size },
      (_, i) => `{"from":"${name}","n":${batch * size + i},"pad":"${'x'.repeat(100)}"}`,
    );
    const id = systemRandom.uuid();
    const [result] = await queue.enqueue(0, [
      { id, digest: 'd', answer: '', rememberMs: 60_000, bodies },
    ]);
    if (result?.outcome !== 'queued') throw new Error(`not queued: ${JSON.stringify(result)}`);
    say(`acked ${name} ${batch * size} ${size}`);
  }
}

/** Processes events for ever, a lease at a time: `done <body>` for each once it is settled. */
async function consume(queue: Queue, maxEvents: number): Promise<void> {
  for (;;) {
    const { lease } = await queue.receive({
      partition: 0,
      leaseId: systemRandom.uuid(),
      maxEvents,
      maxBytes: 1_000_000,
      leaseMs: 3_600_000,
      isolated: 'skip',
    });
    if (lease === undefined) {
      await queue.waitForEvents(0, 1_000, never);
      continue;
    }
    say(`leased ${lease.size}`);
    await queue.settle(lease, []);
    say(lease.deliveries.map(({ body }) => `done ${body}`).join('\n'));
  }
}

/** Holds the lock of the folder for ever: a transaction whose work does not end. */
async function holdLock(): Promise<void> {
  const environment = Environment.open({ path, mapSizeBytes: 2 ** 30 }, dependencies);
  await environment.transact(() => {
    say('holding');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
}

/** Writes past the end of the disk, then shows that less still goes. */
async function fillDisk(): Promise<void> {
  const environment = Environment.open({ path, mapSizeBytes: 2 ** 30 }, dependencies);
  const put = (n: number) =>
    environment.transact(() => environment.db.putSync(['fill', n], Buffer.alloc(700_000, 1)));
  const refusals: unknown[] = [];
  let kept = 0;
  while (refusals.length < 3) {
    try {
      await put(kept);
      kept += 1;
    } catch (error) {
      refusals.push(error);
    }
  }
  for (const error of refusals) {
    say(error instanceof PipelineError ? `${error.constructor.name} ${error.code}` : String(error));
  }
  for (let n = 0; n < kept; n++) {
    await environment.transact(() => environment.db.removeSync(['fill', n]));
  }
  await put(0);
  await environment.close();
  say('recovered');
}

/** Exits in the middle of transactions, as a program does that is told to stop at once. */
async function exitBusy(queue: Queue, afterMs: number): Promise<void> {
  for (const name of ['a', 'b', 'c']) void produce(queue, name, Infinity, 1);
  await systemClock.sleep(afterMs);
  process.exit(7);
}

async function main(): Promise<void> {
  if (command === 'hold-lock') return holdLock();
  if (command === 'fill-disk') return fillDisk();
  const queue = await open();
  say('open');
  if (command === 'produce') await produce(queue, rest[0] ?? '', Number(rest[1]), Number(rest[2]));
  if (command === 'consume') await consume(queue, Number(rest[0]));
  if (command === 'exit-busy') await exitBusy(queue, Number(rest[0]));
  await queue.close();
}

main().catch((error: unknown) => {
  say(
    `failed ${error instanceof PipelineError ? `${error.code} ${error.message}` : String(error)}`,
  );
  process.exitCode = 1;
});
