import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError, makeFolder, messageOf } from '@event-pipeline/runtime';

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
    makeFolder(path);
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
