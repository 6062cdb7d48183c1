import { PipelineError, messageOf } from '@event-pipeline/runtime';
import { DatabaseError } from 'pg';

/** Of what PostgreSQL itself has answered; empty where it has not. */
export function sqlState(error: unknown): string {
  return error instanceof DatabaseError ? (error.code ?? '') : '';
}

/**
 * Classes of SQLSTATE that blame what a row contains: data exceptions, constraints and check options
 * (which a user may have added), a limit of the server that one value is beyond (54), what a trigger
 * or a function that it calls raised (09, 27, 38, 39, P0).
 */
const ABOUT_THE_ROW = /^(?:09|22|23|27|38|39|44|54|P0)/;
/** The other classes that PostgreSQL has (its documentation, appendix A): they are about the server. */
const ABOUT_THE_SERVER = /^(?:0[0-38ABFLPZ]|10|2[014568BDF]|3[4BDF]|4[02]|5[3578]|72|F0|HV|XX)/;

/** A class that PostgreSQL does not have is one that a user's own trigger has made up. */
export function blamesTheRow(error: unknown): boolean {
  const state = sqlState(error);
  return state !== '' && (ABOUT_THE_ROW.test(state) || !ABOUT_THE_SERVER.test(state));
}

/** Serialization failure, deadlock, a lock that was not to be had in time. */
const PASSING = new Set(['40001', '40P01', '55P03']);

/** Whether the same statement may well succeed at once. */
export function isPassing(error: unknown): boolean {
  return PASSING.has(sqlState(error));
}

/** A row is there already, by the table's own key or by one that a user has added. */
export function metExistingRow(error: unknown): boolean {
  return sqlState(error) === '23505';
}

/** The server ended the statement, for its time limit as a rule: it is alive. */
export function wasCancelled(error: unknown): boolean {
  return sqlState(error) === '57014';
}

const NO_ANSWER = 'Query read timeout';

/** Whether a statement took longer than it may, by the server's clock or by ours. */
export function ranOutOfTime(error: unknown): boolean {
  return wasCancelled(error) || messageOf(error) === NO_ANSWER;
}

export const UNDEFINED_TABLE = '42P01';
export const UNDEFINED_COLUMN = '42703';

/** Whether the tables are not, or no longer, what this program made. */
export function isSchemaGone(error: unknown): boolean {
  return [UNDEFINED_TABLE, UNDEFINED_COLUMN].includes(sqlState(error));
}

/** Whether the connection is to be used again: only after an error that the server has survived. */
export function leavesConnectionUsable(error: unknown): boolean {
  if (!(error instanceof DatabaseError) || error.severity !== 'ERROR') return false;
  // 25006: a server that may not be written, after a failover; 57: it ends the session or the query.
  return !/^(?:08|25|53|57|58|XX)/.test(sqlState(error));
}

/** Waiting does not help with these: what this program was given is not what the server has. */
const MISCONFIGURED: readonly [states: RegExp, whatToDo: string][] = [
  [/^28/, 'check user and password in STORE_URL, or STORE_PASSWORD'],
  [/^3D000$/, 'create the database, or name another one in STORE_URL'],
  [/^42501$/, 'give the user of STORE_URL its rights on the schema and its tables'],
  [
    /^42P07$/,
    'the database has a table of this name that is not of this store: name another database',
  ],
];

/** What a person has to change; undefined for what waiting may help with. */
export function whatToDoAbout(error: unknown): string | undefined {
  return MISCONFIGURED.find(([states]) => states.test(sqlState(error)))?.[1];
}

export const UNDEFINED_DATABASE = '3D000';

/**
 * What a failed statement means to the caller. No answer, and every answer that is not about the
 * configuration, is STORE_UNAVAILABLE: whether rows were stored is unknown, and repeating is safe.
 */
export function toStoreError(error: unknown): PipelineError {
  if (error instanceof PipelineError) return error;
  const state = sqlState(error);
  const reason = reasonOf(error);
  const whatToDo = whatToDoAbout(error);
  if (whatToDo !== undefined) {
    return new PipelineError('CONFIG_INVALID', `PostgreSQL: ${reason}: ${whatToDo}`, {
      cause: error,
    });
  }
  const shownState = state === '' ? '' : ` (SQLSTATE ${state})`;
  return new PipelineError('STORE_UNAVAILABLE', `PostgreSQL: ${reason}${shownState}`, {
    cause: error,
  });
}

function reasonOf(error: unknown): string {
  // Where every address of a name failed, Node gives their errors and no message.
  if (error instanceof AggregateError && error.message === '') return messageOf(error.errors[0]);
  switch (messageOf(error)) {
    case NO_ANSWER:
      return 'no answer in time';
    case 'timeout expired':
    case 'timeout exceeded when trying to connect':
    case 'Connection terminated due to connection timeout':
      return 'no connection in time';
    case 'Connection terminated unexpectedly':
      return 'the connection was lost before the answer came';
    default:
      return messageOf(error);
  }
}
