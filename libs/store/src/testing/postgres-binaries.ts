import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * The folder that holds `initdb` and `postgres`: POSTGRES_BIN, else the first on PATH, else the
 * newest that a system's packages put where PATH does not reach. `npm test` looks in the same places
 * (tools/workspace/postgres-binaries.mjs).
 *
 * @throws Error that says what to do
 */
export function findPostgres(): string {
  const chosen = process.env['POSTGRES_BIN'];
  if (chosen) {
    if (holdsPostgres(chosen)) return chosen;
    throw new Error(`POSTGRES_BIN=${chosen} holds no initdb and postgres`);
  }
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const found = [...onPath, ...versionedFolders()].find(holdsPostgres);
  if (found !== undefined) return found;
  throw new Error(
    'there is no PostgreSQL server: run "npm test", which sees to it, or set POSTGRES_BIN',
  );
}

/** The newest first. */
function versionedFolders(): string[] {
  const folders = [
    ...inFolder('/usr/lib/postgresql', /^\d+$/),
    ...inFolder('/usr', /^pgsql-\d+$/),
    ...inFolder('/opt/homebrew/opt', /^postgresql(@\d+)?$/),
    ...inFolder('/usr/local/opt', /^postgresql(@\d+)?$/),
  ];
  return folders.map((folder) => join(folder, 'bin'));
}

function inFolder(parent: string, pattern: RegExp): string[] {
  const version = (name: string) => Number(/\d+/.exec(name)?.[0] ?? 0);
  try {
    const names = readdirSync(parent).filter((name) => pattern.test(name));
    return names.sort((a, b) => version(b) - version(a)).map((name) => join(parent, name));
  } catch {
    return [];
  }
}

function holdsPostgres(folder: string): boolean {
  try {
    for (const program of ['initdb', 'postgres']) accessSync(join(folder, program), constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
