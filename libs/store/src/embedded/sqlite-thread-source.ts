/**
 * What runs in the thread that owns the connection to SQLite, as text: programs are bundled into one
 * file each, and there is no second one that a thread could be started from. It is small and knows
 * no table; all else is in TypeScript on this side.
 *
 * A message is { operation, argument }, the answer { result } or { failure }; the answers come in the
 * order of the messages.
 */
export const SQLITE_THREAD_SOURCE = `
'use strict';
const { parentPort, workerData } = require('node:worker_threads');
const Database = require(workerData.driver);

const CONSTRAINT = 19;
let database;
const statements = new Map();

function prepared(sql) {
  let statement = statements.get(sql);
  if (statement === undefined) statements.set(sql, (statement = database.prepare(sql)));
  return statement;
}

function inTransaction(change) {
  database.exec('begin immediate');
  try {
    const result = change();
    database.exec('commit');
    return result;
  } catch (error) {
    // SQLite has ended it by itself after some errors.
    if (database.inTransaction) database.exec('rollback');
    throw error;
  }
}

/** Thrown where a transaction has to be repeated. */
const ANEW = new Error('the transaction has to be repeated');

/**
 * A refusal may leave the row behind (RAISE(FAIL)) or end the whole transaction (RAISE(ROLLBACK), ON
 * CONFLICT ROLLBACK). So the first one has all rows repeated with a savepoint each, which other
 * batches do not pay for; one that ends the transaction then has them repeated without its row.
 */
function changeRow(statement, row, i, refused, carefully) {
  if (carefully) prepared('savepoint one_row').run();
  let result;
  try {
    result = statement.run(...row).changes;
  } catch (error) {
    if ((error.rawCode & 0xff) !== CONSTRAINT) throw error;
    result = error.message || 'a constraint failed';
    if (!database.inTransaction) refused.set(i, result);
    if (!carefully || !database.inTransaction) throw ANEW;
    prepared('rollback to one_row').run();
  }
  if (carefully) prepared('release one_row').run();
  return result;
}

const operations = {
  open({ file, busyMs, pragmas }) {
    // From an attempt that went half the way.
    if (database !== undefined) database.close();
    statements.clear();
    database = new Database(file, { timeout: busyMs });
    for (const pragma of pragmas) database.exec('pragma ' + pragma);
  },
  /** Rows as arrays of their columns. */
  query: ({ sql, values }) => prepared(sql).raw().all(...values),
  /** How many rows it has changed. */
  change: ({ sql, values }) => inTransaction(() => prepared(sql).run(...values).changes),
  /** For each row what it has changed, or why a constraint refused it. All are on disk, or none. */
  changeEach({ sql, rows }) {
    const refused = new Map();
    let carefully = false;
    // Each time around but the first refuses one more row: at most as often as there are rows.
    for (;;) {
      try {
        return inTransaction(() =>
          rows.map((row, i) => refused.get(i) || changeRow(prepared(sql), row, i, refused, carefully)),
        );
      } catch (error) {
        if (error !== ANEW) throw error;
        carefully = true;
      }
    }
  },
  /** Runs the steps above the version that the file has now; answers it: 0 without the table. */
  migrate: ({ steps, table }) =>
    inTransaction(() => {
      const tables = database.prepare("select 1 from sqlite_master where type = 'table' and name = ?");
      const [[noted]] = database.prepare('pragma user_version').raw().all();
      const version = tables.raw().all(table).length === 0 ? 0 : noted;
      for (const step of steps) {
        if (step.version <= version) continue;
        for (const sql of step.statements) database.exec(sql);
        database.exec('pragma user_version = ' + step.version);
      }
      return version;
    }),
  close() {
    statements.clear();
    if (database !== undefined) database.close();
    parentPort.close();
  },
};

parentPort.on('message', ({ operation, argument }) => {
  try {
    parentPort.postMessage({ result: operations[operation](argument) });
  } catch (error) {
    const failure = { message: String(error.message), resultCode: error.rawCode || 0 };
    parentPort.postMessage({ failure });
  }
});
`;
