import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  HOST,
  freePort,
  launchRedis,
  onFreePorts,
  sendCommand,
  tlsSettings,
  type RedisAccess,
  type RunningRedis,
} from './redis-process';

export { TEST_TLS, freePort } from './redis-process';

export interface RedisServerOptions {
  /** More arguments, e.g. `['--maxmemory', '10mb']`; the last of equal ones holds. */
  readonly args?: readonly string[];
  /** Default: a free one. */
  readonly port?: number;
  /** The data folder; it outlives the server. Default: one of its own, removed by `stop()`. */
  readonly dir?: string;
  /** Asked of everyone, replicas included. */
  readonly password?: string;
  /** The one that `url` names and `command` uses. Default: 0. */
  readonly database?: number;
  /** Answers by TLS alone, with the certificate for tests ({@link TEST_TLS}). */
  readonly tls?: boolean | undefined;
}

/** A real Redis server of a test's own, on loopback, durable as shipped: every write is on disk. */
export interface RedisServer {
  /** `redis://127.0.0.1:PORT`, with password and database, or `rediss://…` */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly dir: string;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** Sends one command on a connection of its own, as redis-cli does. */
  command(...args: readonly (string | number | Buffer)[]): Promise<unknown>;
  /** Ends it in order and removes its folder if that is its own. Safe to call twice. */
  stop(): Promise<void>;
  /** Ends it as a crash does; the folder stays. Resolves when the process is gone. */
  kill9(): Promise<void>;
  /** Stops it from answering, connections stay open (SIGSTOP). */
  pause(): void;
  /** Lets a paused server run again (SIGCONT). */
  resume(): void;
  /** Starts it again on the same port and folder, after an orderly end if it still runs. */
  restart(options?: { readonly args?: readonly string[]; readonly empty?: boolean }): Promise<void>;
}

/**
 * Starts a Redis server and resolves once it answers. It dies with the process that started it,
 * however that one ends. REDIS_SERVER names the binary; default `redis-server` on PATH.
 */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const { password, database = 0, tls = false } = options;
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'redis-test-')));
  const ownDir = options.dir === undefined;
  let args = options.args ?? [];
  const launch = (port: number) => {
    const access: RedisAccess = { port, password, tls };
    const ownFolder = ownDir ? dir : undefined;
    return launchRedis({ args: [...settings(access, dir), ...args], access, ownFolder });
  };
  let port = 0;
  let running: RunningRedis;
  try {
    running = await onFreePorts(async () => {
      port = options.port ?? (await freePort());
      return launch(port);
    });
  } catch (error) {
    if (ownDir) await rm(dir, { recursive: true, force: true });
    throw error;
  }

  const user = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
  return {
    url: `${tls ? 'rediss' : 'redis'}://${user}${HOST}:${port}${database === 0 ? '' : `/${database}`}`,
    host: HOST,
    port,
    dir,
    get pid() {
      return running.pid;
    },
    command: (...words) => sendCommand({ port, password, database, tls }, words),
    async stop() {
      await running.end('SIGTERM');
      if (ownDir) await rm(dir, { recursive: true, force: true });
    },
    kill9: () => running.end('SIGKILL'),
    pause: () => running.signal('SIGSTOP'),
    resume: () => running.signal('SIGCONT'),
    async restart(changes = {}) {
      await running.end('SIGTERM');
      if (changes.empty === true) await rm(dir, { recursive: true, force: true });
      await mkdir(dir, { recursive: true });
      args = changes.args ?? args;
      running = await launch(port);
    },
  };
}

function settings({ port, password, tls }: RedisAccess, dir: string): readonly string[] {
  const named: Record<string, string> = {
    bind: HOST,
    dir,
    appendonly: 'yes',
    appendfsync: 'always',
    'maxmemory-policy': 'noeviction',
    save: '',
    loglevel: 'warning',
    // No end waits for replicas.
    'shutdown-timeout': '0',
    ...(password !== undefined && { requirepass: password, masterauth: password }),
    ...(tls === true ? tlsSettings(port) : { port: String(port) }),
  };
  return Object.entries(named).flatMap(([name, value]) => [`--${name}`, value]);
}
