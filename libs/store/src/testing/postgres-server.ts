import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@event-pipeline/runtime';
import { Client } from 'pg';
import { findPostgres } from './postgres-binaries';
import {
  launchPostgres,
  runToEnd,
  unprivilegedUser,
  type RunningPostgres,
} from './postgres-process';

const HOST = '127.0.0.1';
const USER = 'postgres';
/** How long a server may take to start, crash recovery included. */
const START_LIMIT_MS = 60_000;
const PORT_ATTEMPTS = 5;

export interface PostgresServerOptions {
  /** More settings, e.g. `{ max_connections: '5' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /**
   * Whether a commit is on disk when it is answered, as shipped. Default: true. False is faster, and
   * for tests that kill nothing.
   */
  readonly durable?: boolean;
  /** Asked of everyone who connects (SCRAM-SHA-256). Default: everyone is trusted. */
  readonly password?: string;
}

/** A real PostgreSQL server of a test's own, on loopback. */
export interface PostgresServer {
  /** `postgres://postgres@127.0.0.1:PORT/postgres`; with the password, where the server asks for one. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Its data folder. */
  readonly dir: string;
  /** Of the postmaster that runs now, or ran last. */
  readonly pid: number;
  /** Creates an empty database of a new name, and gives its URL: test files can share a server. */
  createDatabase(): Promise<string>;
  /** Runs one statement on a connection of its own and gives its rows, as psql would. */
  query<R = Record<string, unknown>>(
    sql: string,
    values?: readonly unknown[],
    options?: { /** Default: the server's own. */ readonly url?: string },
  ): Promise<R[]>;
  /** Ends it in order and removes its folder. Safe to call twice. */
  stop(): Promise<void>;
  /** Kills every process of it; the folder stays. Resolves when they are gone. */
  kill9(): Promise<void>;
  /** Stops it from answering, connections stay open (SIGSTOP to every process of it). */
  pause(): void;
  /** Lets a paused server run again (SIGCONT). */
  resume(): void;
  /**
   * Starts it again on the same port and folder, after an orderly end if it still runs.
   *
   * @param options.settings replace those it was started with
   */
  restart(options?: { readonly settings?: Readonly<Record<string, string>> }): Promise<void>;
}

/**
 * Starts a PostgreSQL server and resolves once it answers. It dies with the process that started it,
 * however that one ends. Where this process is root, the server runs as `postgres` or `nobody`.
 * POSTGRES_BIN names the folder of its programs; see postgres-binaries.ts for the default.
 */
export async function startPostgresServer(
  options: PostgresServerOptions = {},
): Promise<PostgresServer> {
  const { durable = true, password } = options;
  const credentials = password === undefined ? USER : `${USER}:${password}`;
  let settings = options.settings ?? {};
  const binaries = findPostgres();
  const user = unprivilegedUser();
  // Short: a socket's path has 107 bytes at most.
  const folder = await mkdtemp(join(tmpdir(), 'pg-test-'));
  const dir = join(folder, 'data');
  let port = 0;

  const launch = async (): Promise<RunningPostgres> => {
    const all = { ...ownSettings(folder, port, durable), ...settings };
    const args = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const program = join(binaries, 'postgres');
    const started = launchPostgres({ program, args: ['-D', dir, ...args], folder, user });
    try {
      await untilReady(started, urlOf(credentials, port, USER), dir);
      return started;
    } catch (error) {
      await started.kill9();
      const said = started.output().trim();
      throw new Error(`PostgreSQL did not start on port ${port}:\n${said}`, { cause: error });
    }
  };

  let running: RunningPostgres;
  try {
    if (user) await chown(folder, user.uid, user.gid);
    const auth = password === undefined ? ['--auth=trust'] : await passwordAuth(folder, password);
    const asShipped = ['--encoding=UTF8', '--locale=C', '--no-sync'];
    const args = ['-D', dir, '-U', USER, ...auth, ...asShipped];
    await runToEnd(join(binaries, 'initdb'), args, folder, user);
    running = await onFreePort(async (free) => {
      port = free;
      return launch();
    });
  } catch (error) {
    await removeFolder(folder);
    throw error;
  }

  const url = urlOf(credentials, port, USER);
  let databases = 0;
  return {
    url,
    host: HOST,
    port,
    dir,
    get pid() {
      return running.pid;
    },
    async createDatabase() {
      databases += 1;
      const name = `test_${databases}`;
      await query(url, `create database ${name}`);
      return urlOf(credentials, port, name);
    },
    query: (sql, values = [], { url: other = url } = {}) => query(other, sql, values),
    async stop() {
      await running.stop();
      await removeFolder(folder);
    },
    kill9: () => running.kill9(),
    pause: () => running.signalAll('SIGSTOP'),
    resume: () => running.signalAll('SIGCONT'),
    async restart(changes = {}) {
      await running.stop();
      settings = changes.settings ?? settings;
      running = await launch();
    },
  };
}

function ownSettings(folder: string, port: number, durable: boolean): Record<string, string> {
  return {
    listen_addresses: HOST,
    port: String(port),
    unix_socket_directories: folder,
    shared_buffers: '32MB',
    fsync: durable ? 'on' : 'off',
    synchronous_commit: durable ? 'on' : 'off',
    // Crash tests restart often: nothing to be gained from a recovery that syncs the whole folder.
    max_wal_size: '256MB',
  };
}

/** What makes initdb ask everyone for this password. */
async function passwordAuth(folder: string, password: string): Promise<string[]> {
  const file = join(folder, 'password');
  await writeFile(file, password);
  return ['--auth=scram-sha-256', `--pwfile=${file}`];
}

function urlOf(credentials: string, port: number, database: string): string {
  return `postgres://${credentials}@${HOST}:${port}/${database}`;
}

/** Resolves once the server on this folder answers, not another one on the same port. */
async function untilReady(server: RunningPostgres, url: string, dir: string): Promise<void> {
  const deadline = systemClock.monotonic() + START_LIMIT_MS;
  for (;;) {
    if (server.hasEnded()) throw new Error('it ended');
    try {
      const [row] = await query<{ data_directory: string }>(url, 'show data_directory');
      if (row?.data_directory === dir) return;
      throw new Error(`another server is at ${url}: address already in use`);
    } catch (error) {
      if (systemClock.monotonic() > deadline) throw error;
    }
    await systemClock.sleep(10);
  }
}

async function query<R>(url: string, sql: string, values: readonly unknown[] = []): Promise<R[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: START_LIMIT_MS });
  // The statement's own rejection says the same.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query(sql, [...values]);
    return rows as R[];
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Does something with a port that was free a moment ago, again where another process took it. */
async function onFreePort<T>(attempt: (port: number) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt(await freePort());
    } catch (error) {
      if (!/in use/.test(String(error)) || tries === PORT_ATTEMPTS) throw error;
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, HOST, () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === 'object' && address !== null
          ? resolve(address.port)
          : reject(new Error('no free port')),
      );
    });
  });
}

async function removeFolder(folder: string): Promise<void> {
  // Processes that end may still write.
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}
