import { systemClock } from '@event-pipeline/runtime';
import { WHOLE_SUITE } from '../harness/fault-scale';
import { untilItWorks } from '../harness/kill-loop';
import {
  exported,
  failuresLike,
  startLoaded,
  untilFailedLike,
  type LoadedPipeline,
} from '../harness/loaded-pipeline';
import { Scratch } from '../harness/scratch';
import { until } from '../harness/until';

/** The lease time of the test's workers is 1 s. */
const LONGER_THAN_A_LEASE_MS = WHOLE_SUITE ? 15_000 : 2_500;
const CLEAN = { queuedOnce: true, noneDead: true };

const scratch = new Scratch();
let loaded: LoadedPipeline;
beforeAll(async () => {
  loaded = await startLoaded(
    {
      engine: 'redis',
      proxied: true,
      variables: { REDIS_COMMAND_TIMEOUT_MS: '500', COLLECTOR_QUEUE_PATIENCE_MS: '1500' },
    },
    scratch,
  );
  await loaded.load.settle();
}, 60_000);
beforeEach(async () => {
  loaded.load.start();
  await untilItWorks(loaded.pipeline, loaded.load);
});
afterEach(() => {
  for (const proxy of [queueLinks().forCollector, queueLinks().forWorkers]) proxy.pass();
});
afterAll(() => scratch.clean());

describe('Redis under load', () => {
  it('that stands still for longer than a lease: producers are told, no event is dead for it, and work goes on', async () => {
    const { pipeline, load } = loaded;
    await until('a lease is held', async () => (await pipeline.stats()).leases > 0);
    pipeline.redis.pause();
    await systemClock.sleep(LONGER_THAN_A_LEASE_MS);
    pipeline.redis.resume();
    await clean();

    expect(failuresLike(load, /^UNAVAILABLE/)).toBeGreaterThan(0);
    const { program } = pipeline.collector;
    const failed = 'pipeline_calls_failed_total{code="QUEUE_UNAVAILABLE"}';
    expect(await exported(program, failed)).toBeGreaterThan(0);
    await program.logged('the outage', ({ msg }) =>
      /^Redis at .* is not reachable; trying again until it is$/.test(msg ?? ''),
    );
    await program.logged('its end', ({ msg }) => msg === 'Redis is reachable again');
  }, 120_000);

  it('that is stopped in order (SIGTERM) and started again keeps all, leases too', async () => {
    const { pipeline } = loaded;
    await until('a lease is held', async () => (await pipeline.stats()).leases > 0);
    await pipeline.redis.restart();
    await clean();
  }, 120_000);

  it('that forgets the scripts again and again: nobody notices', async () => {
    const { pipeline, load } = loaded;
    const before = load.failures.size;
    for (let i = 0; i < (WHOLE_SUITE ? 50 : 5); i++) {
      await pipeline.redis.command('script', 'flush', 'sync');
      await untilItWorks(pipeline, load);
    }
    await clean();
    expect(load.failures.size).toBe(before);
  }, 120_000);

  it('behind a link that is slow goes on slowly, and nothing is done twice', async () => {
    const { pipeline, load } = loaded;
    const { forCollector, forWorkers } = queueLinks();
    forCollector.delay(100);
    forWorkers.delay(100);
    await untilItWorks(pipeline, load);
    // Slower than a command may take: each is repeated until it comes through.
    forCollector.delay(400);
    await untilFailedLike(load, /^UNAVAILABLE/);
    forCollector.pass();
    forWorkers.pass();
    await clean();
  }, 120_000);

  it.each(['toServer', 'toClient'] as const)(
    'behind a link that swallows all %s: producers are told, and work goes on when it is whole',
    async (direction) => {
      const { load } = loaded;
      const { forCollector, forWorkers } = queueLinks();
      forCollector.blackHole([direction]);
      forWorkers.blackHole([direction]);
      await untilFailedLike(load, /^UNAVAILABLE/);
      forCollector.pass();
      forWorkers.pass();
      await clean();
    },
    120_000,
  );
});

async function clean(): Promise<void> {
  const { pipeline, load } = loaded;
  await untilItWorks(pipeline, load);
  expect(await pipeline.violations(load, CLEAN)).toEqual([]);
  expect(pipeline.surprises).toEqual([]);
}

function queueLinks() {
  const { collectorToQueue, workersToQueue } = loaded.pipeline.links;
  return { forCollector: collectorToQueue!, forWorkers: workersToQueue! };
}
