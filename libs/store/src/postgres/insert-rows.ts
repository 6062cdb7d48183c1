import { messageOf } from '@event-pipeline/runtime';
import type { StorableEvent } from '../event-store';
import type { RowOutcome } from '../put-events';
import { float8Array, textArray, uuidArray } from './binary-arrays';
import { blamesTheRow, ranOutOfTime, wasCancelled } from './postgres-errors';
import type { StatementSize } from './statement-size';

/** Runs one statement that inserts these rows; answers the ids that were new. */
export type InsertStatement = (rows: readonly StorableEvent[]) => Promise<ReadonlySet<string>>;

/** Characters of bodies in one statement; a larger batch takes several. */
const STATEMENT_CHARACTERS = 16 * 1_048_576;

/** One row of the arrays is one row of the table. Fails as a whole where the table has one of the rows. */
export const INSERT_NEW_EVENTS = `
  insert into events (id, type, occurred_at, received_at, body)
  select id, type, to_timestamp(occurred / 1000), to_timestamp(received / 1000), body
  from unnest($1::uuid[], $2::text[], $3::float8[], $4::float8[], $5::json[])
    as given (id, type, occurred, received, body)`;

/** A row that is there already stays as it is. */
export const INSERT_EVENTS = `${INSERT_NEW_EVENTS}
  on conflict (id) do nothing
  returning id::text`;

/**
 * The values of both statements: an array for each column, in binary form. As text, each body
 * would be escaped here and read character by character there.
 */
export function insertValues(rows: readonly StorableEvent[]): Buffer[] {
  return [
    uuidArray(rows.map(({ id }) => id)),
    textArray(
      'text',
      rows.map(({ type }) => type),
    ),
    float8Array(rows.map(({ timestamp }) => timestamp)),
    float8Array(rows.map(({ receivedAt }) => receivedAt)),
    textArray(
      'json',
      rows.map(({ body }) => body),
    ),
  ];
}

/**
 * Inserts rows and finds those that the server refuses. One refused row fails its whole statement
 * without saying which it is, so the rows are halved until it is alone: about log2 of their number
 * in statements for each such row.
 *
 * Where the server ends a statement for its time limit, it goes on with smaller ones. Where no answer
 * comes at all, that fails: the next call begins with smaller ones, and what was stored is there.
 */
export async function insertRows(
  rows: readonly StorableEvent[],
  insert: InsertStatement,
  size: StatementSize,
): Promise<RowOutcome[]> {
  const outcomes: RowOutcome[] = [];
  for (const part of partsOf(rows)) outcomes.push(...(await insertPart(part, insert, size)));
  return outcomes;
}

async function insertPart(
  rows: readonly StorableEvent[],
  insert: InsertStatement,
  size: StatementSize,
): Promise<RowOutcome[]> {
  if (rows.length <= size.rows) {
    try {
      const stored = await insert(rows);
      size.succeeded(rows.length);
      return rows.map(({ id }) => (stored.has(id) ? 'stored' : 'there'));
    } catch (error) {
      if (ranOutOfTime(error)) size.tooSlow(rows.length);
      if (blamesTheRow(error)) {
        if (rows.length <= 1) return [{ refused: `PostgreSQL: ${messageOf(error)}` }];
      } else if (!wasCancelled(error) || rows.length <= 1) throw error;
    }
  }
  const middle = rows.length >> 1;
  const left = await insertPart(rows.slice(0, middle), insert, size);
  return [...left, ...(await insertPart(rows.slice(middle), insert, size))];
}

function partsOf(rows: readonly StorableEvent[]): StorableEvent[][] {
  const parts: StorableEvent[][] = [];
  let characters = Infinity;
  for (const row of rows) {
    characters += row.body.length;
    if (characters > STATEMENT_CHARACTERS) {
      parts.push([]);
      characters = row.body.length;
    }
    parts.at(-1)?.push(row);
  }
  return parts;
}
