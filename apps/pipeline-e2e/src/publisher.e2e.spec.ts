import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { Publisher, type PublishableEvent } from '@event-pipeline/publisher';
import { guardOrphan } from '@event-pipeline/runtime';
import { eventId, eventIds } from './harness/events-file';
import { WHOLE_SUITE, tell } from './harness/fault-scale';
import { startCollector } from './harness/program';
import { ENGINES, type QueueEngine } from './harness/queue-engine';
import { Scratch } from './harness/scratch';
import { until } from './harness/until';
import { inWorkspace } from './harness/workspace';

/** Events around the death of a collector. */
const EVENTS = WHOLE_SUITE ? 1_000_000 : 100_000;
/** Crashes of the producer that spills. */
const CRASHES = WHOLE_SUITE ? 20 : 3;

const scratch = new Scratch();
afterEach(() => scratch.clean());

function* events(count: number): Iterable<PublishableEvent> {
  for (let n = 0; n < count; n += 1) yield { eventId: eventId(n), type: 'published' };
}

describe.each(ENGINES)('the publisher on the %s engine', (_, createEngine) => {
  it('loses and doubles nothing when the collector is killed in the middle and comes back', async () => {
    const engine = await createEngine(scratch);
    const first = await startCollector(engine.variables, scratch);
    const port = first.address.split(':')[1] ?? '';
    const publisher = new Publisher({ collectors: first.address, connections: 2 });
    scratch.afterwards(() => publisher.close({ timeoutMs: 0 }));

    const startedAt = performance.now();
    const result = publisher.publishMany(events(EVENTS));
    await until('half of it has arrived', async () => {
      return (await engine.stats()).enqueued > EVENTS / 2;
    });
    await first.program.kill9();
    const { enqueued } = await engine.stats();
    expect(enqueued).toBeLessThan(EVENTS);
    await startCollector({ ...engine.variables, COLLECTOR_PORT: port }, scratch);

    expect(await result).toEqual({ events: EVENTS, accepted: EVENTS, failed: 0, failures: [] });
    const seconds = (performance.now() - startedAt) / 1_000;
    tell(`${EVENTS} events, killed after ${enqueued}, in ${seconds.toFixed(1)} s`);
    await publisher.close();
    await expectEachOnce(engine, EVENTS);
  }, 300_000);

  it('goes on with the other collector when one of two is killed', async () => {
    const engine = await createEngine(scratch);
    const both = [
      await startCollector(engine.variables, scratch),
      await startCollector(engine.variables, scratch),
    ];
    const count = 60_000;
    const publisher = new Publisher({ collectors: both.map(({ address }) => address) });
    scratch.afterwards(() => publisher.close({ timeoutMs: 0 }));
    const result = publisher.publishMany(events(count));
    await until('events arrive', async () => (await engine.stats()).enqueued > 10_000);
    await both[0]?.program.kill9();
    expect(await result).toMatchObject({ accepted: count, failed: 0 });
    await expectEachOnce(engine, count);
  }, 120_000);

  it('with a spill loses and doubles nothing that it had taken when its process is killed', async () => {
    const engine = await createEngine(scratch);
    const script = await buildSpillingProducer();
    const folder = await scratch.folder();
    let collector = await startCollector(engine.variables, scratch);
    const { address } = collector;
    const taken = new Set<number>();
    let next = 0;
    let mostLeft = 0;
    for (let crash = 1; crash <= CRASHES; crash += 1) {
      const producer = startProcess(script, [address, folder, String(next), '100000000']);
      const begin = next;
      await until('it publishes', () => producer.saved() >= begin + 2_000);
      // At every other crash much is on disk that no collector has taken.
      const isAway = crash % 2 === 1;
      if (isAway) await collector.program.kill9();
      const { enqueued } = await engine.stats();
      if (isAway) {
        await until('it saves what nobody takes', () => producer.saved() >= enqueued + 2_000);
      }
      await producer.kill9();
      for (let n = begin; n < producer.saved(); n += 1) taken.add(n);
      mostLeft = Math.max(mostLeft, producer.saved() - (await engine.stats()).enqueued);
      // Numbers that it may have taken without saying so are not used again.
      next = producer.saved() + 100_000;
      if (isAway) {
        const port = address.split(':')[1] ?? '';
        const variables = { ...engine.variables, COLLECTOR_PORT: port };
        collector = await startCollector(variables, scratch);
      }
    }
    expect(mostLeft).toBeGreaterThan(0);

    const last = startProcess(script, [address, folder, '0', '0']);
    expect(await last.exited).toBe(0);
    expect(last.lines).toEqual(['done']);
    expect(await readdir(folder)).toEqual([]);
    const queued = await engine.eventIds();
    const different = new Set(queued);
    expect(queued.length - different.size).toBe(0);
    const lost = [...taken].filter((n) => !different.has(eventId(n)));
    expect(lost).toEqual([]);
  }, 300_000);
});

async function expectEachOnce(engine: QueueEngine, count: number): Promise<void> {
  expect(await engine.stats()).toMatchObject({ enqueued: count, pending: count });
  const queued = await engine.eventIds();
  const expected = new Set(eventIds(count));
  const unknown = queued.filter((id) => !expected.delete(id)).length;
  expect({ queued: queued.length, lost: expected.size, unknown }).toEqual({
    queued: count,
    lost: 0,
    unknown: 0,
  });
}

async function buildSpillingProducer(): Promise<string> {
  const script = join(await scratch.folder(), 'spilling-producer.js');
  await build({
    entryPoints: [inWorkspace('apps/pipeline-e2e/src/harness/spilling-producer.ts')],
    tsconfig: inWorkspace('tsconfig.base.json'),
    outfile: script,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    logLevel: 'error',
  });
  return script;
}

function startProcess(script: string, args: readonly string[]) {
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const guard = guardOrphan(child.pid ?? -1, { signal: 'SIGKILL' });
  const lines: string[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(line));
  const exited = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      guard.release();
      resolve(code);
    });
  });
  scratch.afterwards(() => child.kill('SIGKILL'));
  return {
    lines,
    exited,
    /** Numbers before this one were taken. */
    saved: () => Number(/^saved (\d+)$/.exec(lines.at(-1) ?? '')?.[1] ?? 0),
    kill9: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
