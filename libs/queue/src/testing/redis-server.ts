import { spawn } from 'node:child_process';
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guardOrphan, systemClock } from '@event-pipeline/runtime';
import { Redis } from 'ioredis';

/** How long a server may take to start, to load its data or to stop. */
const LIMIT_MS = 30_000;
const HOST = '127.0.0.1';

export interface RedisServerOptions {
  /** More arguments, e.g. `['--maxmemory', '10mb']`; the last of equal ones holds. */
  readonly args?: readonly string[];
  /** Default: a free one. */
  readonly port?: number;
  /** The data folder; it outlives the server. Default: one of its own, removed by `stop()`. */
  readonly dir?: string;
}

/** A real Redis server of a test's own, on loopback, durable as shipped: every write is on disk. */
export interface RedisServer {
  /** `redis://127.0.0.1:PORT` */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly dir: string;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** Sends one command on a connection of its own, as redis-cli does. */
  command(...args: readonly (string | number)[]): Promise<unknown>;
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
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'redis-test-')));
  const ownDir = options.dir === undefined;
  let args = options.args ?? [];
  let port = options.port ?? (await freePort());
  let running: RunningRedis;
  for (let attempt = 1; ; attempt += 1) {
    try {
      running = await launch(dir, ownDir, port, args);
      break;
    } catch (error) {
      // Between finding a free port and listening on it, another process may have taken it.
      const mayBeTaken = options.port === undefined && /in use/.test(String(error)) && attempt < 5;
      if (!mayBeTaken) {
        if (ownDir) await rm(dir, { recursive: true, force: true });
        throw error;
      }
      port = await freePort();
    }
  }

  return {
    url: `redis://${HOST}:${port}`,
    host: HOST,
    port,
    dir,
    get pid() {
      return running.pid;
    },
    command: (...words) => sendCommand(port, words),
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
      running = await launch(dir, ownDir, port, args);
    },
  };
}

interface RunningRedis {
  readonly pid: number;
  signal(signal: NodeJS.Signals): void;
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

async function launch(
  dir: string,
  ownDir: boolean,
  port: number,
  args: readonly string[],
): Promise<RunningRedis> {
  const binary = process.env['REDIS_SERVER'] || 'redis-server';
  const settings = {
    port: String(port),
    bind: HOST,
    dir,
    appendonly: 'yes',
    appendfsync: 'always',
    'maxmemory-policy': 'noeviction',
    save: '',
    loglevel: 'warning',
  };
  const child = spawn(
    binary,
    [...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]), ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4_096);
    });
    (stream as unknown as { unref(): void }).unref();
  }
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      output += `\n${error.message}`;
      resolve();
    });
  });
  const pid = child.pid;
  if (pid === undefined) {
    await gone;
    throw new Error(
      `${binary} cannot be started (${output.trim()}): run "npm test", which sees to it, or set REDIS_SERVER`,
    );
  }
  child.unref();
  const guard = guardOrphan(pid, { signal: 'SIGKILL', ...(ownDir && { removeFolder: dir }) });
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const running: RunningRedis = {
    pid,
    signal: (signal) => {
      if (!child.kill(signal)) throw new Error(`redis-server ${pid} is not running`);
    },
    end: async (signal) => {
      if (!hasEnded()) {
        child.kill(signal);
        // A paused server takes SIGTERM only once it runs.
        child.kill('SIGCONT');
        const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
        await gone;
        clearTimeout(timer);
      }
      guard.release();
    },
  };
  try {
    await untilReady(port, pid, hasEnded);
  } catch (error) {
    await running.end('SIGKILL');
    throw new Error(`redis-server did not start on port ${port}:\n${output.trim()}`, {
      cause: error,
    });
  }
  return running;
}

/** Resolves once the server with this process id answers and has loaded its data. */
async function untilReady(port: number, pid: number, hasEnded: () => boolean): Promise<void> {
  const deadline = systemClock.monotonic() + LIMIT_MS;
  for (;;) {
    if (hasEnded()) throw new Error('it ended');
    try {
      const info = String(await sendCommand(port, ['info', 'server']));
      if (info.includes(`process_id:${pid}\r`)) {
        await sendCommand(port, ['dbsize']); // refused while loading
        return;
      }
      throw new Error(`another server is on port ${port}: address already in use`);
    } catch (error) {
      if (systemClock.monotonic() > deadline) throw error;
      await systemClock.sleep(10);
    }
  }
}

async function sendCommand(port: number, words: readonly (string | number)[]): Promise<unknown> {
  const [name = 'ping', ...rest] = words;
  const client = new Redis({
    host: HOST,
    port,
    lazyConnect: true,
    connectTimeout: LIMIT_MS,
    disconnectTimeout: 100,
    enableReadyCheck: false,
    commandTimeout: LIMIT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  // The command's own rejection says the same.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.call(String(name), ...rest);
  } finally {
    client.disconnect();
  }
}

/** A port that nothing listens on at this moment. */
export function freePort(): Promise<number> {
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
