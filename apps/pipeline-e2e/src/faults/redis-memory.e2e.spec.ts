import { WHOLE_SUITE } from '../harness/fault-scale';
import { untilItWorks } from '../harness/kill-loop';
import { exported, startLoaded, untilFailedLike } from '../harness/loaded-pipeline';
import { Scratch } from '../harness/scratch';

const TIMES = WHOLE_SUITE ? 5 : 1;
const ROOM_BYTES = 2 * 1_048_576;

const scratch = new Scratch();
afterEach(() => scratch.clean());

describe('Redis at maxmemory under load', () => {
  it(`(${TIMES} times) producers are refused and told when to come again, workers drain, and intake resumes by itself`, async () => {
    const { pipeline, load } = await startLoaded(
      { engine: 'redis', workers: 1, handlerMs: 30 },
      scratch,
      // Large batches: their ids take memory for 15 minutes.
      { eventsPerSecond: 4_000, batchEvents: 200 },
    );
    const { redis } = pipeline;
    const memory = String(await redis.command('info', 'memory'));
    const used = Number(/^used_memory:(\d+)/m.exec(memory)?.[1]);
    const limit = (bytes: number) => redis.command('config', 'set', 'maxmemory', bytes);

    for (let i = 0; i < TIMES; i++) {
      await limit(used + ROOM_BYTES);
      for (const worker of pipeline.workers) worker.pause();
      // The checker takes a refusal without a hint when to come again for one for good, and objects.
      await untilFailedLike(load, /^RESOURCE_EXHAUSTED/);
      // Far above its limit: nobody makes room but the workers, and they have to make much.
      await limit(used + ROOM_BYTES / 2);
      for (const worker of pipeline.workers) worker.resume();
      await untilItWorks(pipeline, load);
    }
    const refused = 'pipeline_calls_failed_total{code="QUEUE_FULL"}';
    expect(await exported(pipeline.collector.program, refused)).toBeGreaterThan(0);

    expect(await pipeline.violations(load, { queuedOnce: true, noneDead: true })).toEqual([]);
    expect(await redis.command('config', 'get', 'maxmemory')).toContain(
      String(used + ROOM_BYTES / 2),
    );
    expect(pipeline.surprises).toEqual([]);
  }, 180_000);
});
