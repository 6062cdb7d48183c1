import { join } from 'node:path';
import Database from 'libsql';
import { decodeStoredEvent } from '@event-pipeline/contracts';
import { startPostgresServer, type PostgresServer } from '@event-pipeline/store/testing';
import type { Deliveries } from './deliveries';
import type { FoundEvent } from './invariants';
import { contentOf } from './load/numbered-event';
import type { Scratch } from './scratch';

/** Where the events of a test end. */
export interface EventEnd {
  /** What workers are given as STORE_URL. */
  readonly storeUrl: string;
  /** Whether it keeps each event once, however often it was delivered. */
  readonly storedOnce: boolean;
  /** Every copy that it holds. */
  found(): Promise<readonly FoundEvent[]>;
  readonly postgres?: PostgresServer;
}

export type StoreKind = 'none' | 'postgres' | 'embedded';

/** Rows read at once. */
const PAGE = 20_000;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** Where it is to be, where that is not left to the test's scratch. */
interface Place {
  /** A running server, to use a new database of it. */
  readonly postgres?: PostgresServer | undefined;
  /** Of the embedded store. */
  readonly storeFolder?: string | undefined;
}

export async function eventEnd(
  kind: StoreKind,
  deliveries: Deliveries,
  scratch: Scratch,
  place: Place,
): Promise<EventEnd> {
  switch (kind) {
    case 'none':
      return { storeUrl: 'none', storedOnce: false, found: () => deliveries.all() };
    case 'postgres':
      return inPostgres(scratch, place.postgres);
    case 'embedded':
      return inSqlite(place.storeFolder ?? (await scratch.folder()));
  }
}

async function inPostgres(scratch: Scratch, shared: PostgresServer | undefined): Promise<EventEnd> {
  const postgres = shared ?? (await startPostgresServer());
  if (shared === undefined) scratch.afterwards(() => postgres.stop());
  const storeUrl = await postgres.createDatabase();
  const page = (after: string) =>
    postgres.query<Row>(
      `select id, body::text as body from events where id > $1 order by id limit ${PAGE}`,
      [after],
      { url: storeUrl },
    );
  return { storeUrl, storedOnce: true, found: () => everyRow(page), postgres };
}

/** A second reader is what the store's write-ahead log allows. */
function inSqlite(folder: string): EventEnd {
  const page = (after: string) => {
    const database = new Database(join(folder, 'events.db'), { timeout: 5_000 });
    try {
      const select = `select id, body from events where id > ? order by id limit ${PAGE}`;
      return database.prepare(select).all(after) as Row[];
    } finally {
      database.close();
    }
  };
  return { storeUrl: `embedded:${folder}`, storedOnce: true, found: () => everyRow(page) };
}

interface Row {
  readonly id: string;
  readonly body: string;
}

async function everyRow(
  page: (after: string) => Promise<readonly Row[]> | readonly Row[],
): Promise<readonly FoundEvent[]> {
  const found: FoundEvent[] = [];
  for (let after = FIRST_ID; ;) {
    const rows = await page(after);
    for (const { id, body } of rows) {
      found.push({ eventId: id, content: contentOf(decodeStoredEvent(body)) });
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return found;
    after = last.id;
  }
}
