import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { inWorkspace } from './paths.mjs';
import { runQuietly } from './run-command.mjs';

const PROGRAMS = ['collector', 'worker', 'producer', 'quickstart', 'queue-cli', 'doctor'];
const STAMP = inWorkspace('dist/.built-from.json');
/** What a program is made of. Packages count through the lock file. */
const SOURCES = [
  'apps',
  'libs',
  'nx.json',
  'package-lock.json',
  'tsconfig.base.json',
  'tools/types',
];

/**
 * Builds the programs into dist/apps, unless they were built from exactly these sources: then it
 * takes a few milliseconds, where asking nx takes a second. Resolves to whether they are there.
 *
 * @param say where it is told that something is built
 */
export async function ensureBuilt(say = process.stdout) {
  const sources = digestOfSources();
  if (isFresh(sources)) return true;
  const args = ['run-many', '-t', 'build', '-p', PROGRAMS.join(','), '--output-style=static'];
  const nx = inWorkspace('node_modules/nx/dist/bin/nx.js');
  if (!(await runQuietly('Building', process.execPath, [nx, ...args], { say }))) return false;
  mkdirSync(inWorkspace('dist'), { recursive: true });
  writeFileSync(STAMP, JSON.stringify({ sources, programs: describePrograms() }));
  return true;
}

function isFresh(sources) {
  const stamp = JSON.stringify({ sources, programs: describePrograms() });
  return existsSync(STAMP) && readFileSync(STAMP, 'utf8') === stamp;
}

/** Tells a program that somebody else built in the meantime. */
function describePrograms() {
  return PROGRAMS.map((program) => {
    const file = inWorkspace('dist/apps', program, 'main.js');
    if (!existsSync(file)) return undefined;
    const { size, mtimeMs } = statSync(file);
    return { size, mtimeMs };
  });
}

function digestOfSources() {
  const digest = createHash('sha256').update(process.version);
  for (const source of SOURCES) {
    for (const file of filesUnder(source)) {
      digest.update(`\0${file}\0`).update(readFileSync(inWorkspace(file)));
    }
  }
  return digest.digest('hex');
}

function filesUnder(path) {
  if (!statSync(inWorkspace(path)).isDirectory()) return [path];
  return readdirSync(inWorkspace(path), { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules' && !name.endsWith('.spec.ts'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const inner = `${path}/${entry.name}`;
      if (entry.isDirectory()) return filesUnder(inner);
      return entry.isFile() ? [inner] : [];
    });
}
