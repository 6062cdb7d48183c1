import { execFileSync } from 'node:child_process';
import { chown, stat } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'libsql';
import { FAULT_SEED } from '../harness/fault-scale';
import { untilItWorks } from '../harness/kill-loop';
import { Load } from '../harness/load/load';
import { itNeeding, tmpfs, wholeSuite, type Need } from '../harness/machine-needs';
import { Pipeline, type PipelineOptions } from '../harness/pipeline';
import { onStore, PostgresSession } from '../harness/postgres-session';
import { Scratch } from '../harness/scratch';
import { until } from '../harness/until';

const scratch = new Scratch();
afterEach(() => scratch.clean());

interface Outage {
  readonly what: string;
  readonly needs: readonly Need[];
  readonly options: PipelineOptions;
  /** Begins it; what it answers ends it. */
  begin(pipeline: Pipeline): Promise<() => unknown>;
}

const ON_POSTGRES: PipelineOptions = {
  engine: 'redis',
  store: 'postgres',
  proxied: true,
  variables: { STORE_TIMEOUT_MS: '1000' },
};

const OUTAGES: readonly Outage[] = [
  {
    what: 'PostgreSQL is gone, all its processes killed',
    needs: [],
    options: ON_POSTGRES,
    async begin({ postgres }) {
      await postgres.kill9();
      return () => postgres.restart();
    },
  },
  {
    what: 'nothing passes between the workers and PostgreSQL, and nobody is told',
    needs: [wholeSuite],
    options: ON_POSTGRES,
    begin({ links }) {
      links.workersToStore?.blackHole();
      return Promise.resolve(() => links.workersToStore?.pass());
    },
  },
  {
    what: 'PostgreSQL refuses connections and cuts those there are',
    needs: [wholeSuite],
    options: ON_POSTGRES,
    begin({ links }) {
      links.workersToStore?.refuse();
      links.workersToStore?.resetAll();
      return Promise.resolve(() => links.workersToStore?.pass());
    },
  },
  {
    what: 'PostgreSQL stands still',
    needs: [wholeSuite],
    options: ON_POSTGRES,
    begin({ postgres }) {
      postgres.pause();
      return Promise.resolve(() => postgres.resume());
    },
  },
  {
    what: 'somebody holds a lock on the table',
    needs: [wholeSuite],
    options: ON_POSTGRES,
    async begin({ end }) {
      const session = await PostgresSession.open(end, scratch);
      await session.run('begin');
      await session.run('lock table events in share mode');
      return () => session.run('rollback');
    },
  },
  {
    what: 'others have every connection of PostgreSQL',
    needs: [wholeSuite],
    // So that the test finds one for itself afterwards.
    options: { ...ON_POSTGRES, variables: { ...ON_POSTGRES.variables, STORE_CONNECTIONS: '1' } },
    async begin({ postgres, end, links }) {
      const places = 5;
      links.workersToStore?.refuse();
      links.workersToStore?.resetAll();
      await postgres.restart({
        settings: { max_connections: `${places}`, superuser_reserved_connections: '0' },
      });
      const sessions: PostgresSession[] = [];
      await until('every connection is taken', async () => {
        sessions.push(await PostgresSession.open(end, scratch));
        return sessions.length === places;
      });
      links.workersToStore?.pass();
      return () => Promise.all(sessions.map((session) => session.end()));
    },
  },
  {
    what: 'the disk of PostgreSQL is full',
    needs: [wholeSuite, tmpfs],
    options: ON_POSTGRES,
    async begin({ postgres, end }) {
      const folder = await scratch.folder();
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]);
      // Lazily: what is open in it is open until the server ends.
      scratch.afterwards(() => execFileSync('umount', ['-l', folder]));
      const { uid, gid } = await stat(postgres.dir);
      await chown(folder, uid, gid);
      await onStore(end, `create tablespace small location '${folder}'`);
      await onStore(end, 'alter table events set tablespace small');
      await onStore(end, 'create table filler (text text) tablespace small');
      const fill = `insert into filler select repeat('x', 100) from generate_series(1, 50)`;
      await until('the disk is full', async () => {
        const failure = await onStore(end, fill).then(
          () => undefined,
          (error: unknown) => String(error),
        );
        return failure?.includes('No space left on device');
      });
      return () => onStore(end, 'drop table filler');
    },
  },
  {
    what: 'another process holds the lock of the embedded store',
    needs: [],
    options: {
      engine: 'embedded',
      store: 'embedded',
      variables: { STORE_TIMEOUT_MS: '500' },
    },
    begin({ end }) {
      const folder = end.storeUrl.replace(/^embedded:/, '');
      const database = new Database(join(folder, 'events.db'), { timeout: 10_000 });
      scratch.afterwards(() => database.close());
      database.exec('begin immediate');
      return Promise.resolve(() => void database.exec('rollback'));
    },
  },
];

describe('workers wait for a store that is out of reach, using up no attempt, and go on by themselves', () => {
  for (const { what, needs, options, begin } of OUTAGES) {
    itNeeding(
      needs,
      `because ${what}`,
      async () => {
        const pipeline = await Pipeline.start(options, scratch);
        const load = new Load(
          { address: pipeline.address, seed: FAULT_SEED, eventsPerSecond: 300 },
          scratch,
        );
        load.start();
        await untilItWorks(pipeline, load);
        const end = await begin(pipeline);
        for (const worker of pipeline.workers) {
          await until(
            `${worker.name} says that the store is out of reach`,
            async () => (await worker.metric('pipeline_store_outage')) === 1,
          );
          expect(await worker.notReadyFor()).toContain('the store has been out of reach for');
        }
        const { processed } = await pipeline.stats();
        const { acknowledged } = load.ledger.counts;
        await until(
          'producers are served all the same',
          () => load.ledger.counts.acknowledged > acknowledged + 50,
        );
        expect((await pipeline.stats()).processed).toBe(processed);

        await end();
        await untilItWorks(pipeline, load);
        expect(await pipeline.violations(load, { queuedOnce: true, noneDead: true })).toEqual([]);
        expect(await pipeline.stats()).toMatchObject({ retried: 0, dead: 0 });
        for (const worker of pipeline.workers) {
          expect(await worker.metric('pipeline_store_outage')).toBe(0);
          expect(await worker.metric('pipeline_store_failures_total')).toBeGreaterThan(0);
        }
        expect(pipeline.surprises).toEqual([]);
      },
      120_000,
    );
  }
});
