import { eventIds, writeEventsFile } from './harness/events-file';
import { runProducer, startCollector, startWorker } from './harness/program';
import { ENGINES } from './harness/queue-engine';
import { Record } from './harness/record';
import { Scratch } from './harness/scratch';

const EVENTS = 100_000;

describe.each(ENGINES)('the whole path on the %s engine', (_, createEngine) => {
  const scratch = new Scratch();
  afterEach(() => scratch.clean());

  it('processes 100,000 events once and in order, and leaves none', async () => {
    const engine = await createEngine(scratch);
    const record = await Record.create('batch', scratch);
    const file = await writeEventsFile(EVENTS, scratch);
    const { address, program: collector } = await startCollector(engine.variables, scratch);
    const worker = await startWorker(
      { ...engine.variables, ...record.variables, WORKER_CONCURRENCY: '1' },
      scratch,
    );

    const { exit, summary } = await runProducer(address, ['--file', file], scratch);
    expect(exit).toEqual({ code: 0, signal: null });
    expect(summary).toMatchObject({ sent: EVENTS, acknowledged: EVENTS, rejected: 0 });

    expect(await engine.drained()).toMatchObject({ enqueued: EVENTS, processed: EVENTS, dead: 0 });
    expect(await worker.program.stop()).toEqual({ code: 0, signal: null });
    expect(await collector.stop()).toEqual({ code: 0, signal: null });
    // One comparison instead of 100,000: a difference is then shown from where it begins.
    const handled = record.eventIds;
    const expected = eventIds(EVENTS);
    const wrong = expected.findIndex((id, at) => handled[at] !== id);
    expect({ handled: handled.length, wrong }).toEqual({ handled: EVENTS, wrong: -1 });
  }, 180_000);

  it('shares the load between several workers', async () => {
    const engine = await createEngine(scratch);
    const record = await Record.create('single', scratch);
    const { address } = await startCollector(engine.variables, scratch);
    const variables = { ...engine.variables, ...record.variables, WORKER_BATCH_SIZE: '50' };
    for (let i = 0; i < 3; i++) await startWorker(variables, scratch);

    await runProducer(address, ['--count', '6000'], scratch);
    expect(await engine.drained()).toMatchObject({ processed: 6_000, dead: 0 });
    expect(new Set(record.eventIds).size).toBe(6_000);
    const shares = [...record.perProcess.values()];
    expect(shares).toHaveLength(3);
    expect(Math.min(...shares)).toBeGreaterThan(300);
  }, 120_000);
});
