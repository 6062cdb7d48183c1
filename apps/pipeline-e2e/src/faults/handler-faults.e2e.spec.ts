import { FAULT_SEED } from '../harness/fault-scale';
import { eventId } from '../harness/events-file';
import { untilItWorks } from '../harness/kill-loop';
import { Load } from '../harness/load/load';
import { Pipeline, type PipelineOptions } from '../harness/pipeline';
import { Scratch } from '../harness/scratch';
import { until } from '../harness/until';

const scratch = new Scratch();
afterEach(() => scratch.clean());

async function start(variables: PipelineOptions['variables'], workers = 1) {
  const pipeline = await Pipeline.start(
    { engine: 'redis', store: 'none', workers, variables: { ...variables } },
    scratch,
  );
  const options = { address: pipeline.address, seed: FAULT_SEED, eventsPerSecond: 300 };
  const load = new Load(options, scratch);
  return { pipeline, load };
}

const BAD = eventId(7);

describe('an event', () => {
  it('whose handler fails each time ends in the dead letters alone, after its attempts', async () => {
    const { pipeline, load } = await start({
      HANDLER_TEST_FAULT: 'fails',
      HANDLER_TEST_FAULT_IDS: BAD,
      WORKER_MAX_ATTEMPTS: '3',
      WORKER_RETRY_MAX_DELAY_MS: '200',
    });
    load.start();
    await until('it is dead', async () => (await pipeline.stats()).dead > 0);
    expect(await pipeline.violations(load, { queuedOnce: true, noneDead: false })).toEqual([]);
    expect(await pipeline.queue.deadIds()).toEqual([BAD]);
    expect((await pipeline.stats()).retried).toBe(2);
  }, 120_000);

  it('whose handler never ends makes it a failure, ends in the dead letters alone, and holds up no other', async () => {
    const { pipeline, load } = await start({
      HANDLER_TEST_FAULT: 'hangs',
      HANDLER_TEST_FAULT_IDS: BAD,
      HANDLER_TIMEOUT_MS: '100',
      WORKER_MAX_ATTEMPTS: '3',
      WORKER_RETRY_MAX_DELAY_MS: '200',
    });
    load.start();
    await until('it is dead', async () => (await pipeline.stats()).dead > 0);
    await untilItWorks(pipeline, load);
    expect(await pipeline.violations(load, { queuedOnce: true, noneDead: false })).toEqual([]);
    expect(await pipeline.queue.deadIds()).toEqual([BAD]);
    const [worker] = pipeline.workers;
    expect(await worker?.metric('pipeline_handler_abandoned_calls')).toBe(3);
  }, 120_000);
});

const QUEUE_MAX_EVENTS = '300';
const isFull = (load: Load) =>
  [...load.failures.keys()].some((text) => text.startsWith('RESOURCE_EXHAUSTED'));

describe('a queue that is full', () => {
  it('because every worker is gone refuses, and takes events again by itself when they are back', async () => {
    const { pipeline, load } = await start({ QUEUE_MAX_EVENTS }, 2);
    for (const worker of pipeline.workers) await worker.kill9();
    load.start();
    await until('producers are refused', () => isFull(load));
    const { enqueued, pending } = await pipeline.stats();
    expect(pending).toBeLessThanOrEqual(Number(QUEUE_MAX_EVENTS));
    expect(enqueued).toBeGreaterThan(Number(QUEUE_MAX_EVENTS) - 40);

    for (const worker of pipeline.workers) await worker.start();
    await untilItWorks(pipeline, load);
    expect(await pipeline.violations(load, { queuedOnce: true, noneDead: true })).toEqual([]);
  }, 120_000);

  it('of dead letters refuses, and never makes room by dropping one', async () => {
    const { pipeline, load } = await start({
      HANDLER_TEST_FAULT: 'never-succeeds',
      HANDLER_TEST_FAULT_IDS: '*',
      QUEUE_MAX_EVENTS,
    });
    load.start();
    await until('producers are refused and all is dead', async () => {
      const { dead, enqueued } = await pipeline.stats();
      return isFull(load) && dead === enqueued;
    });
    const { acknowledged } = load.ledger.counts;
    expect(acknowledged).toBeGreaterThan(0);
    await load.stop();
    expect(await pipeline.violations(load, { queuedOnce: true, noneDead: false })).toEqual([]);
    const { dead, purged, processed } = await pipeline.stats();
    expect(dead).toBeGreaterThanOrEqual(acknowledged);
    expect({ purged, processed }).toEqual({ purged: 0, processed: 0 });
  }, 120_000);
});
