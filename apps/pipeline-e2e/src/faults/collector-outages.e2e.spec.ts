import { systemClock } from '@event-pipeline/runtime';
import { WHOLE_SUITE } from '../harness/fault-scale';
import { untilItWorks } from '../harness/kill-loop';
import { failuresLike, startLoaded, untilFailedLike } from '../harness/loaded-pipeline';
import { Scratch } from '../harness/scratch';
import { until } from '../harness/until';

const TIMES = WHOLE_SUITE ? 20 : 3;
const CLEAN = { queuedOnce: true, noneDead: true };

const scratch = new Scratch();
afterEach(() => scratch.clean());

describe('a collector under load', () => {
  it(`that is stopped in order (SIGTERM), ${TIMES} times: every batch that it has read is answered, so none comes again that is queued`, async () => {
    const { pipeline, load } = await startLoaded({ engine: 'redis' }, scratch);
    for (let stop = 0; stop < TIMES; stop++) {
      const { program } = pipeline.collector;
      await pipeline.collector.stop();
      expect(await program.exited).toEqual({ code: 0, signal: null });
      await pipeline.collector.start();
      await untilItWorks(pipeline, load);
    }
    expect(await pipeline.violations(load, CLEAN)).toEqual([]);
    // A batch whose answer was lost would be known to the queue when it comes again.
    expect((await pipeline.stats()).duplicateBatches).toBe(0);
    expect(pipeline.surprises).toEqual([]);
  }, 180_000);

  it('that stands still: producers notice by their own means, and all goes on when it does', async () => {
    const { pipeline, load } = await startLoaded({ engine: 'redis' }, scratch);
    pipeline.collector.pause();
    // By keepalive (2 s + 2 s) or by the deadline of the call (8 s).
    await untilFailedLike(load, /^(UNAVAILABLE|DEADLINE_EXCEEDED|CANCELLED)/);
    pipeline.collector.resume();
    await untilItWorks(pipeline, load);
    expect(await pipeline.violations(load, CLEAN)).toEqual([]);
    expect(pipeline.surprises).toEqual([]);
  }, 180_000);

  it('whose connections are cut in the middle of requests and answers: nothing is lost or queued twice', async () => {
    const { pipeline, load } = await startLoaded({ engine: 'redis', proxied: true }, scratch);
    const { toCollector } = pipeline.links;
    for (let cut = 0; cut < TIMES; cut++) {
      const { cuts } = toCollector;
      toCollector.cutAfter(cut % 2 === 0 ? 'toServer' : 'toClient', 1_000 + cut * 317);
      await until('the connection is cut', () => toCollector.cuts > cuts);
      await untilItWorks(pipeline, load);
    }
    toCollector.resetAll();
    await untilItWorks(pipeline, load);
    expect(await pipeline.violations(load, CLEAN)).toEqual([]);
    expect(toCollector.cuts).toBeGreaterThan(TIMES);
    expect(failuresLike(load, /^UNAVAILABLE/)).toBeGreaterThan(0);
  }, 180_000);

  it('whose answers nobody takes for a while loses nothing, and goes on when they are taken', async () => {
    const { pipeline, load } = await startLoaded({ engine: 'redis', proxied: true }, scratch);
    const { toCollector } = pipeline.links;
    // The fault itself; less than the keepalive of the producers takes to notice.
    toCollector.blackHole(['toClient']);
    await systemClock.sleep(1_500);
    toCollector.pass();
    await untilItWorks(pipeline, load);
    expect(await pipeline.violations(load, CLEAN)).toEqual([]);
  }, 180_000);
});
