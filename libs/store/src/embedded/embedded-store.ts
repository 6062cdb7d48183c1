import { PipelineError, messageOf, type Clock } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import type { SameContent } from '../content';
import type { EventStore, PutResult, StorableEvent, StoreHealth } from '../event-store';
import { OnceReady } from '../once-ready';
import { putEvents, type EventTable, type RowOutcome } from '../put-events';
import type { PutWatch } from '../put-watch';
import { checkColumns, missingSteps, strangeTable } from '../schema-versions';
import { DatabasePlace } from './database-place';
import { isBusy, isSchemaGone, toStoreError } from './sqlite-errors';
import { EVENT_COLUMNS, SQLITE_SCHEMA } from './sqlite-schema';
import { SqliteThread } from './sqlite-thread';
import { prepareFolder } from './store-folder';

export interface EmbeddedStoreOptions {
  /** The folder; made where it is missing. */
  readonly path: string;
  /** How long another process may hold the file's lock. */
  readonly timeoutMs: number;
}

export interface EmbeddedStoreDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sameContent: SameContent;
}

/**
 * A write-ahead log that is on disk at each commit; after a checkpoint the log's file is cut down
 * again to 64 MiB.
 */
const PRAGMAS = ['journal_mode = wal', 'synchronous = full', 'journal_size_limit = 67108864'];
/** Switching to the write-ahead log does not wait for another process that does the same. */
const OPEN_ATTEMPTS = 40;
const OPEN_PAUSE_MS = 50;

const INSERT = `
  insert into events (id, type, occurred_at, received_at, stored_at, body)
  values (?, ?, ?, ?, ?, ?) on conflict (id) do nothing`;

/**
 * Opens a store in a folder: a SQLite database that any tool can read meanwhile. Several processes of
 * one machine may use it. Where it cannot be opened now, for want of room or of its lock, that is
 * done with the next call.
 *
 * @throws PipelineError CONFIG_INVALID
 */
export async function openEmbeddedStore(
  options: EmbeddedStoreOptions,
  dependencies: EmbeddedStoreDependencies,
): Promise<EventStore> {
  const store = new EmbeddedStore(options.path, options.timeoutMs, dependencies);
  try {
    await store.health();
  } catch (error) {
    if (PipelineError.from(error).code !== 'STORE_UNAVAILABLE') {
      await store.close();
      throw error;
    }
    dependencies.logger.warn({ error: messageOf(error) }, 'the store is out of reach');
  }
  return store;
}

class EmbeddedStore implements EventStore {
  private readonly file: string;
  private thread: SqliteThread;
  /** Of what is open now. */
  private place: DatabasePlace | undefined;
  private opened = new OnceReady(() => this.open());
  private closing: Promise<void> | undefined;

  constructor(
    private readonly path: string,
    private readonly timeoutMs: number,
    private readonly dependencies: EmbeddedStoreDependencies,
  ) {
    this.file = prepareFolder(path);
    this.thread = new SqliteThread(timeoutMs, dependencies.clock);
  }

  put(events: readonly StorableEvent[], watch: PutWatch = {}): Promise<PutResult> {
    return this.answer(async () => {
      const table: EventTable = {
        insert: (rows) => this.insert(rows, watch),
        bodiesOf: (ids) => this.bodiesOf(ids, watch),
      };
      const { place } = this;
      const result = await putEvents(table, events, this.dependencies.sameContent);
      // Afterwards: SQLite stores without complaint in a file that has no name any more.
      await this.checkPlace(place);
      return result;
    });
  }

  /** By the clock of this machine, which all users of the file share. */
  deleteOlderThan(ageMs: number, limit: number): Promise<number> {
    const before = this.dependencies.clock.now() - ageMs;
    return this.answer(() =>
      this.thread.change(
        `delete from events where rowid in (
           select rowid from events where received_at < ? and stored_at < ?
           order by received_at limit ?)`,
        [before, before, limit],
      ),
    );
  }

  contains(ids: readonly string[]): Promise<readonly boolean[]> {
    return this.answer(async () => {
      const rows = await this.thread.query(
        'select id from events where id in (select value from json_each(?))',
        [JSON.stringify(ids)],
      );
      const stored = new Set(rows.map(([id]) => id));
      return ids.map((id) => stored.has(id));
    });
  }

  health(): Promise<StoreHealth> {
    return this.answer(async () => {
      const { place } = this;
      const [[version] = []] = await this.thread.query('select sqlite_version()');
      // A question to the file itself, which may be gone or damaged.
      await this.thread.query('select 1 from events limit 1');
      await this.checkPlace(place);
      return {
        detail: `SQLite ${String(version)}, write-ahead log, synchronous full`,
        durable: true,
      };
    });
  }

  close(): Promise<void> {
    this.closing ??= this.thread.close();
    return this.closing;
  }

  private async insert(rows: readonly StorableEvent[], watch: PutWatch): Promise<RowOutcome[]> {
    const now = this.dependencies.clock.now();
    const changes = await this.thread.changeEach(
      INSERT,
      rows.map(({ id, type, timestamp, receivedAt, body }) => {
        return [id, type, timestamp, receivedAt, now, body];
      }),
      watch,
    );
    return changes.map((change) => {
      if (typeof change === 'string') return { refused: `SQLite: ${change}` };
      return change === 1 ? 'stored' : 'there';
    });
  }

  private async bodiesOf(
    ids: readonly string[],
    watch: PutWatch,
  ): Promise<ReadonlyMap<string, string>> {
    const rows = await this.thread.query(
      'select id, body from events where id in (select value from json_each(?))',
      [JSON.stringify(ids)],
      watch,
    );
    return new Map(rows.map(([id, body]) => [String(id), String(body)]));
  }

  private async open(): Promise<void> {
    const { clock } = this.dependencies;
    prepareFolder(this.path);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.thread.open(this.file, PRAGMAS);
        break;
      } catch (error) {
        if (!isBusy(error) || attempt === OPEN_ATTEMPTS) throw error;
      }
      await clock.sleep(OPEN_PAUSE_MS);
    }
    await this.migrate();
    this.place = await DatabasePlace.of(this.file);
  }

  private async migrate(): Promise<void> {
    // Before the version: so tables that another process is just making are not taken for strange ones.
    const rows = await this.thread.query("select name from pragma_table_info('events')");
    const [[noted] = []] = await this.thread.query('pragma user_version');
    const version = Number(noted);
    const newest = SQLITE_SCHEMA.length;
    let steps = missingSteps(SQLITE_SCHEMA, version);
    if (rows.length === 0) steps = missingSteps(SQLITE_SCHEMA, 0);
    else if (version === 0) throw strangeTable(this.file);
    else if (version === newest) {
      const columns = rows.map(([name]) => String(name));
      checkColumns(this.file, columns, EVENT_COLUMNS);
    }
    if (steps.length === 0) return;
    const from = await this.thread.migrate(steps, 'events');
    const { logger } = this.dependencies;
    if (from < newest) {
      logger.info({ from, to: newest }, `the store's schema is at version ${newest} now`);
    }
  }

  /**
   * Finds out whether the files are still those that were opened: where somebody deleted or moved
   * them, SQLite goes on in what no path leads to, and it is gone with the process.
   *
   * @param place as it was before what is to be checked: another call may have opened anew since
   * @throws PipelineError STORE_UNAVAILABLE where they are not; the next call opens them anew
   */
  private async checkPlace(place: DatabasePlace | undefined): Promise<void> {
    if (place === undefined || (await place.isStill())) return;
    const reason =
      `${this.file} was deleted, moved or replaced while it was in use: ` +
      'what was stored there may be gone; a new file is opened';
    if (this.place === place && this.closing === undefined) {
      this.dependencies.logger.warn({ file: this.file }, reason);
      this.beginAnew(this.thread.close());
    }
    throw new PipelineError('STORE_UNAVAILABLE', `SQLite: ${reason}`);
  }

  /** Also after the end of a thread, which is not meant to end: for want of memory, say. */
  private beginAnew(after: Promise<void> = Promise.resolve()): void {
    this.place = undefined;
    this.thread = new SqliteThread(this.timeoutMs, this.dependencies.clock);
    this.opened = new OnceReady(() => after.then(() => this.open()));
  }

  private async answer<T>(ask: () => Promise<T>): Promise<T> {
    if (this.thread.hasEnded && this.closing === undefined) this.beginAnew();
    try {
      await this.opened.whenReady();
      return await ask();
    } catch (error) {
      if (isSchemaGone(error)) this.opened.forget();
      throw toStoreError(error, this.file);
    }
  }
}
