import { PipelineError, messageOf } from '@event-pipeline/runtime';

/** An error of SQLite as it comes out of the thread. */
export class SqliteFailure extends Error {
  constructor(
    message: string,
    /** SQLite's extended result code; 0 where the error is not SQLite's. */
    readonly resultCode: number,
  ) {
    super(message);
  }
}

const BUSY = 5;
const FULL = 13;

/** Primary result codes that mean that the file cannot be used, however long one waits. */
const UNUSABLE: ReadonlyMap<number, string> = new Map([
  [8 /* READONLY */, 'let this user write to the file and its folder'],
  [11 /* CORRUPT */, 'the file is damaged: restore it from a copy, or name another folder'],
  [26 /* NOTADB */, 'the file is not of SQLite: name another folder'],
]);

export function isBusy(error: unknown): boolean {
  return error instanceof SqliteFailure && (error.resultCode & 0xff) === BUSY;
}

/** Whether the tables are not, or no longer, what this program made. */
export function isSchemaGone(error: unknown): boolean {
  return (
    error instanceof SqliteFailure && /no such (?:table|column)|has no column/.test(error.message)
  );
}

/** What a failed step means to the caller; every other than the unusable file may pass. */
export function toStoreError(error: unknown, file: string): PipelineError {
  if (error instanceof PipelineError) return error;
  const primary = error instanceof SqliteFailure ? error.resultCode & 0xff : 0;
  const whatToDo = UNUSABLE.get(primary);
  if (whatToDo !== undefined) {
    return new PipelineError('CONFIG_INVALID', `${file}: ${messageOf(error)}: ${whatToDo}`, {
      cause: error,
    });
  }
  return new PipelineError('STORE_UNAVAILABLE', `SQLite: ${reasonOf(error, primary)}`, {
    cause: error,
  });
}

function reasonOf(error: unknown, primary: number): string {
  if (primary === BUSY) return 'another process holds the lock of the file';
  if (primary === FULL) return 'there is no room on the disk';
  return messageOf(error);
}
