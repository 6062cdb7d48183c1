import { spawnSync } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { canInstall, howToInstall, installPackage } from './install-program.mjs';

const OLDEST_MAJOR = 13;

/**
 * Finds the PostgreSQL server that tests start for themselves: in the folder POSTGRES_BIN, on PATH or
 * where a system's packages put it, else installed with apt-get where that is possible. Resolves to
 * whether there is one; where there is none it has said what to do. The tests look in the same places
 * (libs/store/src/testing/postgres-binaries.ts).
 */
export async function ensurePostgres() {
  const chosen = process.env['POSTGRES_BIN'];
  if (chosen) return isUsable(holdsPostgres(chosen) ? chosen : undefined, chosen);
  const found = findFolder();
  if (found === undefined && canInstall() && (await installPackage('postgresql'))) {
    return isUsable(findFolder());
  }
  return isUsable(found);
}

function findFolder() {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...onPath, ...versionedFolders()].find(holdsPostgres);
}

/** The newest first. */
function versionedFolders() {
  const folders = [
    ...inFolder('/usr/lib/postgresql', /^\d+$/),
    ...inFolder('/usr', /^pgsql-\d+$/),
    ...inFolder('/opt/homebrew/opt', /^postgresql(@\d+)?$/),
    ...inFolder('/usr/local/opt', /^postgresql(@\d+)?$/),
  ];
  return folders.map((folder) => join(folder, 'bin'));
}

function inFolder(parent, pattern) {
  const version = (name) => Number(/\d+/.exec(name)?.[0] ?? 0);
  try {
    const names = readdirSync(parent).filter((name) => pattern.test(name));
    return names.sort((a, b) => version(b) - version(a)).map((name) => join(parent, name));
  } catch {
    return [];
  }
}

function holdsPostgres(folder) {
  try {
    for (const program of ['initdb', 'postgres']) accessSync(join(folder, program), constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isUsable(folder, chosen) {
  const version = folder === undefined ? undefined : versionIn(folder);
  if (version !== undefined && version.major >= OLDEST_MAJOR) return true;
  const needed = `PostgreSQL ${OLDEST_MAJOR} or newer`;
  const where = chosen ? `in POSTGRES_BIN=${chosen}` : 'on PATH or where packages put it';
  const problem =
    version === undefined
      ? `The tests need ${needed}, and there is no initdb and postgres ${where}.`
      : `The tests need ${needed}, ${folder} has ${version.text}.`;
  console.error(`${problem}
Nothing needs to run: the tests start it themselves. ${howToInstall(PACKAGES)}
Or name the folder of its programs: POSTGRES_BIN=/path/to/bin npm test`);
  return false;
}

/** E.g. `{ major: 16, text: '16.2' }`. */
function versionIn(folder) {
  const { status, stdout } = spawnSync(join(folder, 'postgres'), ['--version'], {
    encoding: 'utf8',
  });
  if (status !== 0) return undefined;
  const [, text = 'unknown', major = '0'] = /((\d+)[\w.]*)/.exec(stdout) ?? [];
  return { major: Number(major), text };
}

const PACKAGES = {
  brew: 'postgresql',
  win32: 'Run the tests in WSL.',
  apt: 'postgresql',
  dnf: 'postgresql-server',
  apk: 'postgresql',
  pacman: 'postgresql',
  elsewhere: 'https://www.postgresql.org/download/',
};
