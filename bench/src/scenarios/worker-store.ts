import { dirname, join } from 'node:path';
import { systemClock } from '@event-pipeline/runtime';
import type { Scratch } from '@event-pipeline/runtime/testing';
import { startPostgresServer, type PostgresServer } from '@event-pipeline/store/testing';
import { drainRate } from '../drain-meter';
import { pin } from '../placement';
import { insistOn, type Scenario } from '../scenario';
import { SCENARIO_TITLES } from '../scenario-titles';
import { insistOnDrained, openBenchQueue, startBenchWorker, startRedis } from '../servers';

/** Of both sides. The default of 32 MB of buffers is that of a server for tests. */
const SETTINGS = { shared_buffers: '512MB', max_wal_size: '8GB', checkpoint_timeout: '1h' };

export const workerStore: Scenario = {
  name: 'worker-store',
  title: SCENARIO_TITLES['worker-store'],
  needs: ['redis-server', 'postgres'],
  async prepare({ scaled, scratch }) {
    const events = scaled(500_000, 20_000);
    const postgres = await startPostgresServer({ settings: SETTINGS });
    scratch.afterwards(() => postgres.stop());
    pin(postgres.pid, 'engine');
    // The rows that COPY loads are those that a worker has stored, its table is one that it has made.
    const source = await postgres.createDatabase();
    await drainInto(postgres, source, events, scratch);
    const file = join(dirname(postgres.dir), 'rows');
    await postgres.query(`copy events to '${file}'`, [], { url: source });
    await postgres.query('truncate events', [], { url: source });
    const template = new URL(source).pathname.slice(1);
    let copies = 0;
    return {
      conditions: [
        `${events} events; the worker is timed from the first twentieth to the end. COPY loads a file of the same rows, on the server, in one statement, into an empty table with the same indexes.`,
        `PostgreSQL with ${Object.entries(SETTINGS)
          .map((pair) => pair.join('='))
          .join(', ')}; fsync and synchronous_commit on.`,
      ],
      subjects: [
        {
          name: 'ours',
          figures: { rate: { title: 'this worker, into PostgreSQL', unit: 'events/s' } },
          async run(runs) {
            const url = await postgres.createDatabase();
            const rate = await drainInto(postgres, url, events, runs);
            await dropDatabase(postgres, url);
            return { values: { rate } };
          },
        },
        {
          name: 'copy',
          figures: { rate: { title: 'COPY', unit: 'events/s' } },
          async run() {
            const name = `copy_${++copies}`;
            await postgres.query(`create database ${name} template ${template}`);
            const url = postgres.url.replace(/\/postgres$/, `/${name}`);
            await postgres.query('checkpoint');
            const start = systemClock.monotonic();
            await postgres.query(`copy events from '${file}'`, [], { url });
            const seconds = (systemClock.monotonic() - start) / 1_000;
            insistOn('rows in the table', await rowsIn(postgres, url), events);
            await dropDatabase(postgres, url);
            return { values: { rate: events / seconds } };
          },
        },
      ],
      comparisons: [
        { name: 'ours to COPY', of: 'ours.rate', over: 'copy.rate', goal: { atLeast: 0.6 } },
      ],
    };
  },
};

async function drainInto(
  postgres: PostgresServer,
  url: string,
  events: number,
  scratch: Scratch,
): Promise<number> {
  const queue = await openBenchQueue((await startRedis(scratch)).url, scratch);
  await queue.fill(events);
  await postgres.query('checkpoint');
  const worker = startBenchWorker(queue, scratch, url);
  const rate = await drainRate(async () => (await queue.stats()).processed, events);
  await insistOnDrained(queue, events);
  insistOn('rows in the table', await rowsIn(postgres, url), events);
  await worker.stop();
  return rate;
}

async function rowsIn(postgres: PostgresServer, url: string): Promise<number> {
  const [row] = await postgres.query<{ n: string }>('select count(*) as n from events', [], {
    url,
  });
  return Number(row?.n);
}

async function dropDatabase(postgres: PostgresServer, url: string): Promise<void> {
  await postgres.query(`drop database ${new URL(url).pathname.slice(1)} with (force)`);
}
