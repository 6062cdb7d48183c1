import { PipelineError, messageOf, type Clock, type Random } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import type { QueryResult, QueryResultRow } from 'pg';
import type { SameContent } from '../content';
import {
  MAX_STORED_BATCH,
  type EventStore,
  type PutResult,
  type StorableEvent,
  type StoreHealth,
} from '../event-store';
import { OnceReady } from '../once-ready';
import { UUID, putEvents, type EventTable, type RowOutcome } from '../put-events';
import { throwIfGivenUp, type PutWatch } from '../put-watch';
import { shownPostgres } from '../store-location';
import { InsertForm } from './insert-form';
import { INSERT_EVENTS, INSERT_NEW_EVENTS, insertRows, insertValues } from './insert-rows';
import { migratePostgres } from './migrate-postgres';
import { isPassing, isSchemaGone, metExistingRow, toStoreError } from './postgres-errors';
import { PostgresLink, type PostgresLinkOptions } from './postgres-link';
import { POSTGRES_SCHEMA } from './postgres-schema';
import { StatementSize } from './statement-size';

/** How often a statement is tried that met another one's lock or changes. */
const ATTEMPTS = 5;
/** Longest wait before the second attempt; doubled for each further one. */
const FIRST_DELAY_MS = 20;

export interface PostgresStoreDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly sameContent: SameContent;
}

/**
 * Opens a store on PostgreSQL and brings its schema up to date; where it is out of reach, that is
 * done when it is back.
 *
 * @throws PipelineError CONFIG_INVALID
 */
export async function openPostgresStore(
  options: PostgresLinkOptions,
  dependencies: PostgresStoreDependencies,
): Promise<EventStore> {
  const { logger } = dependencies;
  const link = new PostgresLink(options, dependencies.clock);
  const store = new PostgresStore(link, dependencies);
  const where = shownPostgres(options.location);
  try {
    const { detail, durable } = await store.health();
    logger.info({ store: where }, `events are stored in ${detail}, at ${where}`);
    if (!durable) {
      logger.warn({ store: where }, `the store may lose events in a power cut: ${detail}`);
    }
  } catch (error) {
    if (PipelineError.from(error).code !== 'STORE_UNAVAILABLE') {
      await store.close();
      throw error;
    }
    logger.warn({ store: where, error: messageOf(error) }, 'the store is out of reach');
  }
  return store;
}

class PostgresStore implements EventStore {
  private readonly schema: OnceReady;
  private readonly statementSize = new StatementSize(MAX_STORED_BATCH);
  private readonly insertForm = new InsertForm();

  constructor(
    private readonly link: PostgresLink,
    private readonly dependencies: PostgresStoreDependencies,
  ) {
    this.schema = new OnceReady(() => this.migrate());
  }

  put(events: readonly StorableEvent[], watch: PutWatch = {}): Promise<PutResult> {
    const table: EventTable = {
      insert: (rows) => this.insert(rows, watch),
      bodiesOf: (ids) => this.bodiesOf(ids, watch),
    };
    return this.answer(() => putEvents(table, events, this.dependencies.sameContent));
  }

  deleteOlderThan(ageMs: number, limit: number): Promise<number> {
    return this.answer(async () => {
      // Rows that another worker is deleting are left to it.
      const { rowCount } = await this.query(
        `delete from events where id = any (array(
           select id from events
           where received_at < now() - $1::float8 * interval '1 millisecond'
             and stored_at < now() - $1::float8 * interval '1 millisecond'
           order by received_at limit $2 for update skip locked))`,
        [ageMs, limit],
      );
      return rowCount ?? 0;
    });
  }

  contains(ids: readonly string[]): Promise<readonly boolean[]> {
    return this.answer(async () => {
      const stored = await this.idsThere(ids.filter((id) => UUID.test(id)));
      return ids.map((id) => stored.has(id));
    });
  }

  health(): Promise<StoreHealth> {
    return this.answer(async () => {
      const { rows } = await this.query<{ version: string; commit: string; fsync: string }>(
        `select current_setting('server_version') as version,
                current_setting('synchronous_commit') as commit,
                current_setting('fsync') as fsync,
                -- Fails where the table is gone: a server that came back empty is not well.
                exists (select from events)`,
      );
      const { version = 'unknown', commit = 'unknown', fsync = 'unknown' } = rows[0] ?? {};
      // "15.13 (Debian 15.13-0+deb12u1)"
      const [number = version] = version.split(' ');
      const detail = `PostgreSQL ${number}, synchronous_commit ${commit}, fsync ${fsync}`;
      return { detail, durable: fsync === 'on' && commit !== 'off' };
    });
  }

  close(): Promise<void> {
    return this.link.close();
  }

  private insert(rows: readonly StorableEvent[], watch: PutWatch): Promise<RowOutcome[]> {
    const insert = async (part: readonly StorableEvent[]) => {
      const values = insertValues(part);
      const ids = this.insertForm.next() === 'cheap' && (await this.insertNew(part, values, watch));
      if (ids) return ids;
      const inserted = await this.query<{ id: string }>(INSERT_EVENTS, values, watch);
      return new Set(inserted.rows.map(({ id }) => id));
    };
    return insertRows(rows, insert, this.statementSize);
  }

  /** Undefined, and nothing is inserted, where one of the rows was there. */
  private async insertNew(
    part: readonly StorableEvent[],
    values: readonly Buffer[],
    watch: PutWatch,
  ): Promise<ReadonlySet<string> | undefined> {
    const ids = part.map(({ id }) => id);
    try {
      const { rowCount } = await this.query(INSERT_NEW_EVENTS, values, watch);
      // Where the database drops rows without a word, only it knows which.
      return rowCount === part.length ? new Set(ids) : await this.idsThere(ids, watch);
    } catch (error) {
      if (!metExistingRow(error)) throw error;
      this.insertForm.metRow();
      return undefined;
    }
  }

  private async idsThere(ids: readonly string[], watch?: PutWatch): Promise<ReadonlySet<string>> {
    const { rows } = await this.query<{ id: string }>(
      'select id::text from events where id = any ($1::uuid[])',
      [ids],
      watch,
    );
    return new Set(rows.map(({ id }) => id));
  }

  /** In a statement of its own: the one that met these rows may not see them yet. */
  private async bodiesOf(
    ids: readonly string[],
    watch: PutWatch,
  ): Promise<ReadonlyMap<string, string>> {
    const { rows } = await this.query<{ id: string; body: string }>(
      'select id::text, body::text from events where id = any ($1::uuid[])',
      [ids],
      watch,
    );
    return new Map(rows.map(({ id, body }) => [id, body]));
  }

  /** Runs a statement, again where it met another one's lock or changes. */
  private async query<R extends QueryResultRow>(
    sql: string,
    values: readonly unknown[] = [],
    watch: PutWatch = {},
  ): Promise<QueryResult<R>> {
    const { clock, random } = this.dependencies;
    for (let attempt = 1; ; attempt += 1) {
      throwIfGivenUp(watch);
      try {
        return await this.link.query<R>(sql, values, watch);
      } catch (error) {
        if (!isPassing(error) || attempt === ATTEMPTS) throw error;
      }
      await clock.sleep(random.next() * FIRST_DELAY_MS * 2 ** attempt);
    }
  }

  private async answer<T>(ask: () => Promise<T>): Promise<T> {
    try {
      await this.schema.whenReady();
      return await ask();
    } catch (error) {
      if (isSchemaGone(error)) this.schema.forget();
      throw toStoreError(error);
    }
  }

  private async migrate(): Promise<void> {
    const { from, to } = await migratePostgres(this.link, POSTGRES_SCHEMA);
    if (from !== to) {
      this.dependencies.logger.info({ from, to }, `the store's schema is at version ${to} now`);
    }
  }
}
