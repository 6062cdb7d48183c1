import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@event-pipeline/runtime';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import Database from 'libsql';
import { identicalText } from '../../content';
import type { EventStore } from '../../event-store';
import type { CreateStoreUnderTest } from '../../testing/store-under-test';
import { openEmbeddedStore } from '../embedded-store';
import { DATABASE_FILE } from '../store-folder';

/** An embedded store in a folder of its own. */
export const createEmbeddedStoreUnderTest: CreateStoreUnderTest = async (options = {}) => {
  const { sameContent = identicalText } = options;
  const path = await mkdtemp(join(tmpdir(), 'store-test-'));
  const opened: EventStore[] = [];
  const open = async () => {
    const dependencies = { clock: systemClock, logger: createLogSink().logger, sameContent };
    const store = await openEmbeddedStore({ path, timeoutMs: 20_000 }, dependencies);
    opened.push(store);
    return store;
  };
  const ask = (sql: string, ...values: unknown[]): unknown => {
    const database = new Database(join(path, DATABASE_FILE), { timeout: 20_000 });
    try {
      return (
        database
          .prepare(sql)
          .raw()
          .all(...values) as unknown[][]
      )[0]?.[0];
    } finally {
      database.close();
    }
  };
  return {
    store: await open(),
    openAnother: open,
    bodyOf: async (id) => ask('select body from events where id = ?', id) as string | undefined,
    dataMember: async (id, name) =>
      ask("select body -> '$.data' ->> ? from events where id = ?", name, id) as string | null,
    grownOlder: async (ms) =>
      void ask(
        `update events set received_at = received_at - ?, stored_at = stored_at - ?
         returning 1`,
        ms,
        ms,
      ),
    count: async () => Number(ask('select count(*) from events')),
    dispose: async () => {
      await Promise.all(opened.map((store) => store.close()));
      await rm(path, { recursive: true, force: true });
    },
  };
};
