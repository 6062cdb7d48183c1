import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { canInstall, howToInstall, installPackage } from './install-program.mjs';

const OLDEST_MAJOR = 7;

/**
 * Finds the Redis server that tests start for themselves: REDIS_SERVER or `redis-server` on PATH,
 * else installed with apt-get where that is possible. Resolves to whether there is one; where there
 * is none it has said what to do.
 */
export async function ensureRedisServer() {
  const chosen = process.env['REDIS_SERVER'];
  const binary = chosen || 'redis-server';
  const found = versionOf(binary);
  if (found === undefined && !chosen && canInstall() && (await installPackage('redis-server'))) {
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
Nothing needs to run: the tests start it themselves. ${howToInstall(PACKAGES)}
Or name the program: REDIS_SERVER=/path/to/redis-server npm test`);
  return false;
}

const PACKAGES = {
  brew: 'redis',
  win32: 'Run the tests in WSL: Redis has no server for Windows.',
  apt: 'redis-server',
  dnf: 'redis (or valkey)',
  apk: 'redis',
  pacman: 'redis (or valkey)',
  elsewhere: 'https://redis.io/docs/latest/operate/oss_and_stack/install/',
};
