import { FAULT_SEED } from '../harness/fault-scale';
import { eventId } from '../harness/events-file';
import { Load } from '../harness/load/load';
import { Pipeline } from '../harness/pipeline';
import {
  countStored,
  onStore,
  PostgresSession,
  untilWorkersWait,
} from '../harness/postgres-session';
import { Scratch } from '../harness/scratch';
import { until } from '../harness/until';

const scratch = new Scratch();
afterEach(() => scratch.clean());

async function start() {
  const pipeline = await Pipeline.start(
    { engine: 'redis', store: 'postgres', workers: 1, proxied: true },
    scratch,
  );
  const options = { address: pipeline.address, seed: FAULT_SEED, eventsPerSecond: 300 };
  const load = new Load(options, scratch);
  const [worker] = pipeline.workers;
  if (worker === undefined) throw new Error('a worker was expected');
  return { pipeline, load, worker };
}

describe('a statement of PostgreSQL', () => {
  it('whose session an administrator ends is repeated: nothing lost, doubled or counted against an event', async () => {
    const { pipeline, load, worker } = await start();
    const obstacle = await PostgresSession.open(pipeline.end, scratch);
    load.start();
    for (let round = 1; round <= 2; round++) {
      await obstacle.run('begin');
      await obstacle.run('lock table events in share mode');
      await untilWorkersWait(pipeline.postgres);
      expect(await obstacle.terminateWorkers()).toBeGreaterThan(0);
      await obstacle.run('rollback');
      const { processed } = await pipeline.stats();
      await until('it works', async () => (await pipeline.stats()).processed > processed + 50);
    }
    expect(await pipeline.violations(load, { queuedOnce: true, noneDead: true })).toEqual([]);
    expect(await pipeline.stats()).toMatchObject({ retried: 0, dead: 0 });
    expect(await worker.metric('pipeline_store_failures_total')).toBeGreaterThan(1);
  }, 120_000);

  it('that is committed and whose answer is lost is repeated: the events stay stored once', async () => {
    const { pipeline, load, worker } = await start();
    load.start();
    for (let round = 1; round <= 3; round++) {
      await pipeline.links.workersToStore?.loseReply({
        request: (bytes) => bytes.includes('insert into events'),
      });
    }
    expect(await pipeline.violations(load, { queuedOnce: true, noneDead: true })).toEqual([]);
    expect(await pipeline.stats()).toMatchObject({ retried: 0, dead: 0 });
    expect(await worker.metric('pipeline_store_failures_total')).toBeGreaterThan(2);
    expect(await worker.metric('pipeline_events_stored_before_total')).toBeGreaterThan(0);
  }, 120_000);

  it('that another writer deadlocks with is repeated at once, and is no outage', async () => {
    const { pipeline, load, worker } = await start();
    const { postgres } = pipeline;
    const other = await PostgresSession.open(pipeline.end, scratch);
    const insert = (n: number) =>
      other.run(
        `insert into events (id, type, occurred_at, received_at, body)
         values ($1, 'other', now(), now(), '{}')`,
        [eventId(n)],
      );
    // Who finds a deadlock is given up by the server, and that is to be the worker. It looks once,
    // so late that the other has come to wait for it by then.
    await postgres.query(`alter system set deadlock_timeout = '4s'`);
    await postgres.query('select pg_reload_conf()');
    await other.run(`set deadlock_timeout = '60s'`);
    await other.run('begin');
    await insert(19);
    load.start();
    await untilWorkersWait(postgres);
    // Workers insert in the order of the ids, so it has this one and waits for the other.
    await insert(0);
    await other.run('rollback');
    const [found] = await onStore<{ deadlocks: number }>(
      pipeline.end,
      'select deadlocks::int as deadlocks from pg_stat_database where datname = current_database()',
    );
    expect(await pipeline.violations(load, { queuedOnce: true, noneDead: true })).toEqual([]);
    expect(found?.deadlocks).toBeGreaterThan(0);
    expect(await pipeline.stats()).toMatchObject({ retried: 0, dead: 0 });
    expect(await worker.metric('pipeline_store_failures_total')).toBe(0);
  }, 120_000);

  it('that refuses single events makes dead letters of those, and stores all others', async () => {
    const { pipeline, load, worker } = await start();
    const bad = [3, 4, 40, 333].map(eventId);
    await onStore(
      pipeline.end,
      `alter table events add constraint refused_by_the_test
       check (id not in (${bad.map((id) => `'${id}'`).join(', ')}))`,
    );
    load.start();
    await until('all of them came', async () => (await countStored(pipeline.end)) > 500);
    expect(await pipeline.violations(load, { queuedOnce: true, noneDead: false })).toEqual([]);
    expect((await pipeline.queue.deadIds()).toSorted()).toEqual(bad);
    expect(await worker.metric('pipeline_store_failures_total')).toBe(0);
    expect((await pipeline.stats()).retried).toBe(0);
  }, 120_000);
});
