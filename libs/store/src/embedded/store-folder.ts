import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  statSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { PipelineError, messageOf } from '@event-pipeline/runtime';

/** The database in the folder that STORE_URL names. */
export const DATABASE_FILE = 'events.db';

/**
 * Makes the folder and finds out whether it can hold a store.
 *
 * @returns the path of the database file
 * @throws PipelineError CONFIG_INVALID
 */
export function prepareFolder(path: string): string {
  const file = join(path, DATABASE_FILE);
  try {
    makeFolder(resolve(path));
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    if (existsSync(file)) {
      if (!statSync(file).isFile()) throw new Error(`"${file}" is not a file`);
      accessSync(file, constants.R_OK | constants.W_OK);
    }
  } catch (error) {
    throw new PipelineError(
      'CONFIG_INVALID',
      `the folder "${path}" cannot hold a store (${messageOf(error)}): ` +
        'name one that this user may write to, as in STORE_URL=embedded:./data',
      { cause: error },
    );
  }
  return file;
}

/**
 * Step by step: Node's own `recursive` never comes back from a folder in /proc. The name of each new
 * folder is put on disk; what lies in it is SQLite's business.
 */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process was faster.
    if (!existsSync(path)) throw error;
  }
  flush(dirname(path));
}

function flush(folder: string): void {
  try {
    const descriptor = openSync(folder, 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Not every system lets a folder be opened or flushed; those that do not need no flush.
  }
}
