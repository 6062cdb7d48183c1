import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '@event-pipeline/runtime';
import { isRunning } from '@event-pipeline/runtime/testing';
import { startPostgresServer, type PostgresServer } from './postgres-server';

describe('a PostgreSQL server of a test', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgresServer();
  });
  afterAll(() => server.stop());

  it('is durable to the disk, and listens on loopback only', async () => {
    const show = async (name: string) => Object.values((await server.query(`show ${name}`))[0]!)[0];
    expect(await show('fsync')).toBe('on');
    expect(await show('synchronous_commit')).toBe('on');
    expect(await show('listen_addresses')).toBe('127.0.0.1');
    expect(await show('server_encoding')).toBe('UTF8');
  });

  it('keeps what was committed over a kill -9 of all its processes, on the same port', async () => {
    const killed = server.pid;
    const url = await server.createDatabase();
    await server.query('create table kept (n int)', [], { url });
    await server.query('insert into kept values (7)', [], { url });
    const backends = await server.query<{ pid: number }>(
      'select pid from pg_stat_activity where pid <> pg_backend_pid()',
    );
    expect(backends.length).toBeGreaterThan(2);
    await server.kill9();
    expect([killed, ...backends.map(({ pid }) => pid)].filter(isRunning)).toEqual([]);
    await expect(server.query('select 1')).rejects.toThrow();
    await server.restart();
    expect(server.pid).not.toBe(killed);
    expect(await server.query('select n from kept', [], { url })).toEqual([{ n: 7 }]);
  });

  it('gives every test file a database of its own', async () => {
    const [one, other] = [await server.createDatabase(), await server.createDatabase()];
    await server.query('create table mine (n int)', [], { url: one });
    await expect(server.query('select * from mine', [], { url: other })).rejects.toThrow(
      /does not exist/,
    );
  });

  it('does not answer while it is paused', async () => {
    server.pause();
    const answer = server.query('select 1 as one');
    const first = await Promise.race([answer, systemClock.sleep(200).then(() => 'none')]);
    server.resume();
    expect(first).toBe('none');
    expect(await answer).toEqual([{ one: 1 }]);
  });

  it('takes settings, also at a restart', async () => {
    await server.restart({ settings: { max_connections: '7' } });
    expect(await server.query('show max_connections')).toEqual([{ max_connections: '7' }]);
    await server.restart({ settings: {} });
  });

  it('stops even while it is paused, and takes its folder with it', async () => {
    const other = await startPostgresServer({ durable: false });
    other.pause();
    await other.stop();
    await other.stop();
    expect(isRunning(other.pid)).toBe(false);
    expect(existsSync(other.dir)).toBe(false);
  });

  it('names the folder that holds no PostgreSQL', async () => {
    const before = process.env['POSTGRES_BIN'];
    process.env['POSTGRES_BIN'] = '/nowhere';
    try {
      await expect(startPostgresServer()).rejects.toThrow(/POSTGRES_BIN=\/nowhere holds no/);
    } finally {
      if (before === undefined) delete process.env['POSTGRES_BIN'];
      else process.env['POSTGRES_BIN'] = before;
    }
  });

  it('says what the server said when a setting is wrong', async () => {
    await expect(startPostgresServer({ settings: { no_such_setting: '1' } })).rejects.toThrow(
      /no_such_setting/,
    );
  });

  it('dies with the process that started it, even by kill -9', async () => {
    const parent = spawn(process.execPath, ['-e', STARTER, join(__dirname, 'postgres-server.ts')], {
      cwd: join(__dirname, '../../../..'),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(parent.stdout), 'line')) as [string];
    const { pid, dir } = JSON.parse(line) as { pid: number; dir: string };
    expect(isRunning(pid)).toBe(true);
    parent.kill('SIGKILL');
    while (isRunning(pid) || existsSync(join(dir, 'PG_VERSION'))) await systemClock.sleep(10);
  });
});

/** Starts a server from a bundle of the module, says where it is, and waits. */
const STARTER = `
  const { buildSync } = require('esbuild');
  const { outputFiles } = buildSync({
    entryPoints: [process.argv[1]], bundle: true, platform: 'node', format: 'cjs', write: false,
    tsconfig: 'tsconfig.base.json', external: ['pg'],
  });
  const loaded = { exports: {} };
  new Function('module', 'exports', 'require', outputFiles[0].text)(loaded, loaded.exports, require);
  loaded.exports.startPostgresServer({ durable: false }).then((server) => {
    console.log(JSON.stringify({ pid: server.pid, dir: server.dir }));
    setInterval(() => undefined, 1_000);
  });
`;
