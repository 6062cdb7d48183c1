import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { runQuietly } from './run-command.mjs';

const OLDEST_MAJOR = 7;
/** Debian asks this file before an installation starts a service; 101 forbids it. */
const SERVICE_POLICY = '/usr/sbin/policy-rc.d';

/**
 * Finds the Redis server that tests start for themselves: REDIS_SERVER or `redis-server` on PATH,
 * else installed with apt-get where that is possible. Resolves to whether there is one; where there
 * is none it has said what to do.
 */
export async function ensureRedisServer() {
  const chosen = process.env['REDIS_SERVER'];
  const binary = chosen || 'redis-server';
  const found = versionOf(binary);
  if (found === undefined && !chosen && canInstall() && (await install())) {
    return isUsable(binary, versionOf(binary));
  }
  return isUsable(binary, found);
}

/** E.g. `{ major: 7, text: '7.0.15' }`, undefined where there is no such program. */
function versionOf(binary) {
  const { status, stdout } = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  if (status !== 0) return undefined;
  const [, text = 'unknown', major = '0'] = /v=((\d+)\.[\d.]+)/.exec(stdout) ?? [];
  return { major: Number(major), text };
}

function isUsable(binary, version) {
  if (version !== undefined && version.major >= OLDEST_MAJOR) return true;
  const problem =
    version === undefined
      ? `The tests need a Redis server, ${OLDEST_MAJOR}.0 or newer, and there is no ${binary}.`
      : `The tests need Redis ${OLDEST_MAJOR}.0 or newer, ${binary} is ${version.text}.`;
  console.error(`${problem}
Nothing needs to run: the tests start it themselves. ${howToInstall()}
Or name the program: REDIS_SERVER=/path/to/redis-server npm test`);
  return false;
}

function howToInstall() {
  const has = (program) => spawnSync(program, ['--version']).error === undefined;
  if (process.platform === 'darwin') return 'Install it: brew install redis';
  if (process.platform === 'win32') return 'Run the tests in WSL: Redis has no server for Windows.';
  if (has('apt-get')) return 'Install it: sudo apt-get install redis-server';
  if (has('dnf')) return 'Install it: sudo dnf install redis (or valkey)';
  if (has('apk')) return 'Install it: apk add redis';
  if (has('pacman')) return 'Install it: sudo pacman -S redis (or valkey)';
  return 'Install it: https://redis.io/docs/latest/operate/oss_and_stack/install/';
}

function canInstall() {
  return process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0;
}

/** Installs the program only: no service is started now. */
async function install() {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const holdsPolicy = !existsSync(SERVICE_POLICY);
  if (holdsPolicy) writeFileSync(SERVICE_POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const packages = ['install', '-y', '--no-install-recommends', 'redis-server'];
    return (
      (await runQuietly('Fetching package lists', 'apt-get', ['update'], { env })) &&
      (await runQuietly('Installing redis-server', 'apt-get', packages, { env }))
    );
  } finally {
    if (holdsPolicy) rmSync(SERVICE_POLICY, { force: true });
  }
}
