import { untilItWorks } from '../harness/kill-loop';
import { exported, startLoaded, untilFailedLike } from '../harness/loaded-pipeline';
import { Scratch } from '../harness/scratch';
import { until } from '../harness/until';

const CLEAN = { queuedOnce: true, noneDead: true };
const MIB = 1_048_576;

const scratch = new Scratch();
afterEach(() => scratch.clean());

describe('a collector that is short of', () => {
  it('memory refuses producers and tells them when to come again; one request at a time still passes', async () => {
    // No process of Node.js stays below this: it is short of memory all the time.
    const variables = { COLLECTOR_MEMORY_LIMIT_BYTES: String(64 * MIB) };
    // So many that there is always something in flight: else nothing would be refused.
    const { pipeline, load } = await startLoaded({ engine: 'redis', variables }, scratch, {
      batchEvents: 500,
      eventsPerSecond: 20_000,
    });
    // The checker takes a refusal without a hint when to come again for one for good, and objects.
    await untilFailedLike(load, /^RESOURCE_EXHAUSTED/);
    const { program } = pipeline.collector;
    expect(await exported(program, 'pipeline_load_refused_total{reason="memory"}')).toBeGreaterThan(
      0,
    );
    expect(await exported(program, 'pipeline_load_shedding{reason="memory"}')).toBe(1);
    await untilItWorks(pipeline, load);
    expect(await pipeline.violations(load, CLEAN)).toEqual([]);
    expect(pipeline.surprises).toEqual([]);
  }, 180_000);

  it('time (its event loop stalls) refuses producers, and takes events again when it has time', async () => {
    // So little that ordinary work of the loop is too much.
    const variables = { COLLECTOR_MAX_LOOP_DELAY_MS: '1' };
    const { pipeline, load } = await startLoaded({ engine: 'redis', variables }, scratch, {
      batchEvents: 500,
      eventsPerSecond: 20_000,
    });
    const { program } = pipeline.collector;
    const refused = 'pipeline_load_refused_total{reason="event-loop"}';
    await until('calls are refused', async () => (await exported(program, refused)) > 0);
    await untilItWorks(pipeline, load);
    expect(await pipeline.violations(load, CLEAN)).toEqual([]);
    const shedding = 'pipeline_load_shedding{reason="event-loop"}';
    await until('nothing is shed', async () => (await exported(program, shedding)) === 0);
    expect(pipeline.surprises).toEqual([]);
  }, 180_000);
});
