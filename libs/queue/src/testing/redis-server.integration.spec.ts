import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '@event-pipeline/runtime';
import { isRunning } from '@event-pipeline/runtime/testing';
import { type RedisServer, startRedisServer } from './redis-server';

describe('a Redis server of a test', () => {
  let server: RedisServer;
  beforeEach(async () => {
    server = await startRedisServer();
  });
  afterEach(() => server.stop());

  it('is durable to the disk, never evicts and listens on loopback only', async () => {
    const config = async (name: string) =>
      (await server.command('config', 'get', name)) as string[];
    expect(await config('appendonly')).toEqual(['appendonly', 'yes']);
    expect(await config('appendfsync')).toEqual(['appendfsync', 'always']);
    expect(await config('maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
    expect(await config('save')).toEqual(['save', '']);
    expect(await config('bind')).toEqual(['bind', '127.0.0.1']);
  });

  it('keeps its data over a kill -9, on the same port', async () => {
    const killed = server.pid;
    await server.command('set', 'kept', 'yes');
    await server.kill9();
    expect(isRunning(killed)).toBe(false);
    await expect(server.command('ping')).rejects.toThrow();
    await server.restart();
    expect(server.pid).not.toBe(killed);
    expect(await server.command('get', 'kept')).toBe('yes');
  });

  it('can come back empty', async () => {
    await server.command('set', 'kept', 'yes');
    await server.restart({ empty: true });
    expect(await server.command('dbsize')).toBe(0);
  });

  it('does not answer while it is paused', async () => {
    server.pause();
    const answer = server.command('ping');
    const first = await Promise.race([answer, systemClock.sleep(200).then(() => 'none')]);
    expect(first).toBe('none');
    server.resume();
    expect(await answer).toBe('PONG');
  });

  it('stops even while it is paused, and takes its folder with it', async () => {
    server.pause();
    await server.stop();
    expect(isRunning(server.pid)).toBe(false);
    expect(existsSync(server.dir)).toBe(false);
  });

  it('names the binary that is missing', async () => {
    const before = process.env['REDIS_SERVER'];
    process.env['REDIS_SERVER'] = '/nowhere/redis-server';
    try {
      await expect(startRedisServer()).rejects.toThrow(/\/nowhere\/redis-server cannot be started/);
    } finally {
      if (before === undefined) delete process.env['REDIS_SERVER'];
      else process.env['REDIS_SERVER'] = before;
    }
  });

  it('says what the server said when an argument is wrong', async () => {
    await expect(startRedisServer({ args: ['--no-such-setting', '1'] })).rejects.toThrow(
      /no-such-setting/,
    );
  });

  it('dies with the process that started it, even by kill -9', async () => {
    const parent = spawn(process.execPath, ['-e', STARTER, join(__dirname, 'redis-server.ts')], {
      cwd: join(__dirname, '../../../..'),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(parent.stdout), 'line')) as [string];
    const { pid, dir } = JSON.parse(line) as { pid: number; dir: string };
    expect(isRunning(pid)).toBe(true);
    parent.kill('SIGKILL');
    while (isRunning(pid) || existsSync(dir)) await systemClock.sleep(10);
  });
});

/** Starts a server from a bundle of the module, says where it is, and waits. */
const STARTER = `
  const { buildSync } = require('esbuild');
  const { outputFiles } = buildSync({
    entryPoints: [process.argv[1]], bundle: true, platform: 'node', format: 'cjs', write: false,
    tsconfig: 'tsconfig.base.json', external: ['ioredis'],
  });
  const loaded = { exports: {} };
  new Function('module', 'exports', 'require', outputFiles[0].text)(loaded, loaded.exports, require);
  loaded.exports.startRedisServer().then((server) => {
    console.log(JSON.stringify({ pid: server.pid, dir: server.dir }));
    setInterval(() => undefined, 1_000);
  });
`;
