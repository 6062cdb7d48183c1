import { FAULT_SEED } from '../harness/fault-scale';
import { Load } from '../harness/load/load';
import { Pipeline, type PipelineOptions } from '../harness/pipeline';
import { countStored, PostgresSession, untilWorkersWait } from '../harness/postgres-session';
import { Scratch } from '../harness/scratch';
import type { Service } from '../harness/service';
import { until } from '../harness/until';

const scratch = new Scratch();
afterEach(() => scratch.clean());

const KEPT = { queuedOnce: true, noneDead: true };

async function loaded(
  options: Omit<PipelineOptions, 'engine' | 'store'> = {},
  eventsPerSecond = 300,
) {
  const pipeline = await Pipeline.start(
    { engine: 'redis', store: 'postgres', ...options },
    scratch,
  );
  const load = new Load({ address: pipeline.address, seed: FAULT_SEED, eventsPerSecond }, scratch);
  const [first, second] = pipeline.workers;
  if (first === undefined || second === undefined) throw new Error('two workers were expected');
  return { pipeline, load, first, second };
}

const lost = (worker: Service) => worker.metric('pipeline_leases_lost_total');

describe('a worker that loses its leases', () => {
  it('because it stood still settles nothing when it goes on; each event is stored once', async () => {
    const { pipeline, load, first, second } = await loaded({ handlerMs: 300 });
    await second.stop();
    load.start();
    await until('it has leases in hand', async () => (await pipeline.stats()).leases > 0);
    first.pause();
    const { leases, expiredLeases } = await pipeline.stats();
    expect(leases).toBeGreaterThan(0);

    await second.start();
    await until(
      'the other worker has taken them over',
      async () => (await pipeline.stats()).expiredLeases >= expiredLeases + leases,
    );
    await second.program.logged('what it took over', ({ msg }) =>
      (msg ?? '').startsWith('took back leases that had run out'),
    );
    const stored = await countStored(pipeline.end);
    await until('it works', async () => (await countStored(pipeline.end)) > stored + 50);
    first.resume();
    await until('the first hears that it has lost them', async () => (await lost(first)) > 0);

    expect(await pipeline.violations(load, KEPT)).toEqual([]);
    expect(pipeline.surprises).toEqual([]);
  }, 120_000);

  it('because the queue is out of reach for longer than a lease gives its work up; nothing is lost or blamed', async () => {
    // Far longer than a lease: of all that are in hand, some are in the middle of it.
    const handlerMs = 3_000;
    const variables = { REDIS_COMMAND_TIMEOUT_MS: '500' };
    const options = { handlerMs, proxied: true, variables };
    const { pipeline, load, first, second } = await loaded(options, 100);
    load.start();
    await until('it works', async () => (await pipeline.stats()).processed > 0);
    await until('there are leases in hand', async () => (await pipeline.stats()).leases > 3);
    pipeline.links.workersToQueue?.blackHole();
    const givenUp = 'pipeline_leases_lost_total{reason="deadline-passed"}';
    await until('what was held is given up', async () => {
      const counts = [await first.metric(givenUp), await second.metric(givenUp)];
      return counts.some((count) => count > 0);
    });
    const { acknowledged } = load.ledger.counts;
    await until('producers are served', () => load.ledger.counts.acknowledged > acknowledged + 50);
    pipeline.links.workersToQueue?.pass();

    expect(await pipeline.violations(load, KEPT)).toEqual([]);
    expect((await pipeline.stats()).expiredLeases).toBeGreaterThan(0);
    expect(pipeline.surprises).toEqual([]);
  }, 120_000);
});

describe('kill -9 of a worker', () => {
  it('before the store has its events: another one stores them, once', async () => {
    const { pipeline, load, first, second } = await loaded();
    await second.stop();
    const obstacle = await PostgresSession.open(pipeline.end, scratch);
    await obstacle.run('begin');
    await obstacle.run('lock table events in share mode');
    load.start();
    await untilWorkersWait(pipeline.postgres);
    await first.kill9();
    // The server would go on with the statement of a client that is gone.
    await obstacle.terminateWorkers();
    await obstacle.run('rollback');
    expect(await countStored(pipeline.end)).toBe(0);
    expect((await pipeline.stats()).leases).toBeGreaterThan(0);

    await second.start();
    expect(await pipeline.violations(load, KEPT)).toEqual([]);
    expect((await pipeline.stats()).expiredLeases).toBeGreaterThan(0);
  }, 120_000);

  it('after the store has its events and before the queue knows: they come again, and stay stored once', async () => {
    const { pipeline, load, first, second } = await loaded({ proxied: true });
    await second.stop();
    load.start();
    await until('it works', async () => (await pipeline.stats()).processed > 100);
    // The store does what it is asked; its answers do not arrive.
    pipeline.links.workersToStore?.blackHole(['toClient']);
    await until('more is stored than the queue knows of', async () => {
      const stored = await countStored(pipeline.end);
      return stored > (await pipeline.stats()).processed;
    });
    await first.kill9();
    pipeline.links.workersToStore?.pass();

    await second.start();
    expect(await pipeline.violations(load, KEPT)).toEqual([]);
    expect(await second.metric('pipeline_events_stored_before_total')).toBeGreaterThan(0);
  }, 120_000);
});
