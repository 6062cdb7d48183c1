import { PipelineError } from '@event-pipeline/runtime';
import { checkColumns, missingSteps, strangeTable, type SchemaSteps } from '../schema-versions';
import { UNDEFINED_COLUMN, UNDEFINED_TABLE, sqlState } from './postgres-errors';
import type { PostgresLink, Session } from './postgres-link';
import {
  CREATE_WITH_ENCODING,
  EVENT_COLUMNS,
  NEEDED_ENCODING,
  VERSION_TABLE,
} from './postgres-schema';

/** Of the lock that those who change the schema hold; any number that nothing else uses. */
const LOCK_KEY = 7_236_834_110;
/** How long a worker waits for another one that changes the schema. */
const LOCK_LIMIT_MS = 60_000;
/** Of one statement: an index on a large table takes its time. */
const STEP_LIMIT_MS = 3_600_000;
const OLDEST_VERSION = 130_000;

/**
 * Brings the schema up to date, in one transaction under a lock, so that any number of workers may
 * start at once. Where it is up to date, it takes no lock and needs no right to change anything.
 *
 * A table that is gone is made again, whatever the version that is noted.
 *
 * @throws PipelineError CONFIG_INVALID for a server or a schema that this program cannot use
 */
export async function migratePostgres(
  link: PostgresLink,
  steps: SchemaSteps,
): Promise<{ readonly from: number; readonly to: number }> {
  return link.withSession(async (session) => {
    await checkServer(session);
    const from = await versionIn(session, steps);
    if (missingSteps(steps, from).length === 0) return { from, to: from };
    return underLock(session, async () => {
      await session.query(
        `create table if not exists ${VERSION_TABLE} (
           only_row boolean primary key default true check (only_row), version integer not null)`,
      );
      // Read again: another worker may have been faster.
      const version = await versionIn(session, steps);
      for (const step of missingSteps(steps, version)) {
        for (const sql of step.statements) await session.query(sql, [], STEP_LIMIT_MS);
      }
      await session.query(
        `insert into ${VERSION_TABLE} (version) values ($1)
         on conflict (only_row) do update set version = excluded.version`,
        [steps.length],
      );
      return { from: version, to: steps.length };
    });
  });
}

async function underLock<T>(session: Session, change: () => Promise<T>): Promise<T> {
  await session.query('begin');
  try {
    await session.query(`set local lock_timeout = ${LOCK_LIMIT_MS}`);
    await session.query(`set local statement_timeout = ${STEP_LIMIT_MS}`);
    await session.query('select pg_advisory_xact_lock($1)', [LOCK_KEY], LOCK_LIMIT_MS);
    const result = await change();
    await session.query('commit');
    return result;
  } catch (error) {
    // Where this fails as well, the connection is gone, and the transaction with it.
    await session.query('rollback').catch(() => undefined);
    throw error;
  }
}

async function checkServer(session: Session): Promise<void> {
  const { rows } = await session.query<{ number: number; name: string; encoding: string }>(
    `select current_setting('server_version_num')::int as number,
            current_setting('server_version') as name,
            current_setting('server_encoding') as encoding`,
  );
  const [server] = rows;
  if (server === undefined || server.number < OLDEST_VERSION) {
    throw new PipelineError(
      'CONFIG_INVALID',
      `the store needs PostgreSQL 13 or newer, and this is ${server?.name ?? 'unknown'}`,
    );
  }
  if (server.encoding !== NEEDED_ENCODING) {
    throw new PipelineError(
      'CONFIG_INVALID',
      `the database of STORE_URL has the encoding ${server.encoding}, which cannot hold every text: ` +
        `create one with ${CREATE_WITH_ENCODING}`,
    );
  }
}

/**
 * 0 where there is none yet, or where the table is gone.
 *
 * @throws PipelineError CONFIG_INVALID for a newer version, and for another program's table
 */
async function versionIn(session: Session, steps: SchemaSteps): Promise<number> {
  // Before the version: so a table that another worker is just making is not taken for a strange one.
  const { rows } = await session.query<{ name: string }>(
    `select attname as name from pg_attribute
     where attrelid = to_regclass('events') and attnum > 0 and not attisdropped`,
  );
  const version = await notedVersion(session);
  missingSteps(steps, version);
  if (rows.length === 0) return 0;
  if (version === steps.length) {
    checkColumns(
      'the database',
      rows.map(({ name }) => name),
      EVENT_COLUMNS,
    );
  }
  return version;
}

async function notedVersion(session: Session): Promise<number> {
  try {
    const { rows } = await session.query<{ version: number }>(
      `select version from ${VERSION_TABLE}`,
    );
    return rows[0]?.version ?? 0;
  } catch (error) {
    if (sqlState(error) === UNDEFINED_TABLE) return 0;
    if (sqlState(error) === UNDEFINED_COLUMN) throw strangeTable('the database', '', VERSION_TABLE);
    throw error;
  }
}
