import { readFileSync } from 'node:fs';
import process from 'node:process';
import { inWorkspace } from './paths.mjs';
import { runQuietly } from './run-command.mjs';

/**
 * Installs what package-lock.json names, unless it is there. Resolves to whether it is there.
 *
 * @param say where it is told that something is installed
 */
export async function ensureInstalled(say = process.stdout) {
  const wanted = readLock(inWorkspace('package-lock.json'));
  const present = readLock(inWorkspace('node_modules/.package-lock.json'));
  if (present !== undefined && isInstalled(wanted, present)) return true;
  // npm names itself to the scripts it runs; without it, the one on PATH.
  const npm = process.env['npm_execpath'];
  const [command, args] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  return runQuietly('Installing packages', command, [...args, 'ci', '--no-audit', '--no-fund'], {
    say,
  });
}

/**
 * Whether node_modules, which npm describes in a lock file of its own, is what the workspace's lock
 * file wants. Packages for other platforms are missing rightly.
 */
export function isInstalled(wanted, present) {
  const extra = Object.keys(present.packages).some((path) => wanted.packages[path] === undefined);
  if (extra) return false;
  return Object.entries(wanted.packages).every(([path, { version, optional, devOptional }]) => {
    if (path === '') return true;
    const found = present.packages[path];
    return found === undefined ? (optional ?? devOptional) === true : found.version === version;
  });
}

function readLock(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}
