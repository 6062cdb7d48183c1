import { systemClock, systemRandom, type Clock } from '@event-pipeline/runtime';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { identicalText, type SameContent } from '../../content';
import type { EventStore } from '../../event-store';
import { parseStoreUrl, type PostgresLocation } from '../../store-location';
import type { PostgresServer } from '../../testing/postgres-server';
import type { CreateStoreUnderTest } from '../../testing/store-under-test';
import { openPostgresStore } from '../postgres-store';

export function postgresAt(url: string): PostgresLocation {
  const location = parseStoreUrl(url);
  if (location.engine !== 'postgres') throw new Error(`${url} is no PostgreSQL`);
  return location;
}

/** Opens a store by its URL, with the time limit of a patient user. */
export function openPostgresAt(
  url: string,
  options: {
    readonly timeoutMs?: number;
    readonly sameContent?: SameContent;
    readonly sink?: ReturnType<typeof createLogSink>;
    readonly clock?: Clock;
  } = {},
): Promise<EventStore> {
  const {
    timeoutMs = 20_000,
    sameContent = identicalText,
    sink = createLogSink(),
    clock = systemClock,
  } = options;
  return openPostgresStore(
    { location: postgresAt(url), timeoutMs, connections: 4 },
    { clock, random: systemRandom, logger: sink.logger, sameContent },
  );
}

/** Stores on a server that tests share, each in a database of its own. */
export function postgresStoreUnderTest(server: () => PostgresServer): CreateStoreUnderTest {
  return async (options = {}) => {
    const url = await server().createDatabase();
    const opened: EventStore[] = [];
    const open = async () => {
      const store = await openPostgresAt(url, options);
      opened.push(store);
      return store;
    };
    const ask = async (sql: string, ...values: unknown[]) => {
      const [row] = await server().query<Record<string, unknown>>(sql, values, { url });
      return row && Object.values(row)[0];
    };
    return {
      store: await open(),
      openAnother: open,
      bodyOf: async (id) =>
        (await ask('select body::text from events where id = $1', id)) as string | undefined,
      dataMember: async (id, name) =>
        (await ask("select body->'data'->>$2 from events where id = $1", id, name)) as
          string | null,
      grownOlder: async (ms) =>
        void (await ask(
          `update events set received_at = received_at - $1::float8 * interval '1 millisecond',
                             stored_at = stored_at - $1::float8 * interval '1 millisecond'`,
          ms,
        )),
      count: async () => Number(await ask('select count(*) from events')),
      dispose: async () => {
        await Promise.all(opened.map((store) => store.close()));
      },
    };
  };
}
