import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { guardOrphan, systemClock } from '@event-pipeline/runtime';
import { Redis } from 'ioredis';

/** How long a server may take to start and to load its data. */
const LIMIT_MS = 30_000;
/** How long it may take to stop in order. */
const STOP_LIMIT_MS = 15_000;
export const HOST = '127.0.0.1';

/** How a test reaches a server. */
export interface RedisAccess {
  readonly port: number;
  readonly password?: string | undefined;
  readonly database?: number | undefined;
  readonly tls?: boolean | undefined;
}

/** A process of redis-server that runs, as a server or as a Sentinel. */
export interface RunningRedis {
  readonly pid: number;
  signal(signal: NodeJS.Signals): void;
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** The certificate for tests; see tls/README.md. */
export const TEST_TLS = {
  ca: join(__dirname, 'tls', 'ca.crt'),
  certificate: join(__dirname, 'tls', 'server.crt'),
  key: join(__dirname, 'tls', 'server.key'),
} as const;

/** Settings of a server, or a Sentinel, that speaks TLS only, also to others of its kind. */
export function tlsSettings(port: number): Readonly<Record<string, string>> {
  return {
    port: '0',
    'tls-port': String(port),
    'tls-cert-file': TEST_TLS.certificate,
    'tls-key-file': TEST_TLS.key,
    'tls-ca-cert-file': TEST_TLS.ca,
    'tls-auth-clients': 'no',
    'tls-replication': 'yes',
    'tls-cluster': 'yes',
  };
}

/**
 * Starts redis-server with these arguments and resolves once it answers. It dies with this process,
 * however that one ends. REDIS_SERVER names the binary; default `redis-server` on PATH.
 */
export async function launchRedis(options: {
  readonly args: readonly string[];
  readonly access: RedisAccess;
  /** Removed where this process is killed. */
  readonly ownFolder?: string | undefined;
}): Promise<RunningRedis> {
  const { args, access, ownFolder } = options;
  const binary = process.env['REDIS_SERVER'] || 'redis-server';
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
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
  const guard = guardOrphan(pid, {
    signal: 'SIGKILL',
    ...(ownFolder !== undefined && { removeFolder: ownFolder }),
  });
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const running: RunningRedis = {
    pid,
    signal: (signal) => {
      if (!child.kill(signal)) throw new Error(`redis-server ${pid} is not running`);
    },
    end: async (signal) => {
      if (!hasEnded()) {
        child.kill(signal);
        // A paused server takes SIGTERM only once it runs; a replica that writes its first append-only
        // file refuses to end, and has to be asked again.
        child.kill('SIGCONT');
        const again = setInterval(() => child.kill(signal), 500);
        const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
        await gone;
        clearInterval(again);
        clearTimeout(timer);
      }
      guard.release();
    },
  };
  try {
    await untilReady(access, pid, hasEnded);
  } catch (error) {
    await running.end('SIGKILL');
    throw new Error(`redis-server did not start on port ${access.port}:\n${output.trim()}`, {
      cause: error,
    });
  }
  return running;
}

/** Resolves once the server with this process id answers and has loaded its data. */
async function untilReady(
  access: RedisAccess,
  pid: number,
  hasEnded: () => boolean,
): Promise<void> {
  await eventually(async () => {
    if (hasEnded()) return true;
    const info = String(await sendCommand(access, ['info']));
    if (!info.includes(`process_id:${pid}\r`)) {
      throw new Error(`another server is on port ${access.port}: address already in use`);
    }
    return !info.includes('loading:1\r');
  });
  if (hasEnded()) throw new Error('it ended');
}

/** Asks again until the answer is true; an error means "not yet". Gives up after 30 s. */
export async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = systemClock.monotonic() + LIMIT_MS;
  for (;;) {
    try {
      if (await isSo()) return;
      if (systemClock.monotonic() > deadline) throw new Error('it did not come true in time');
    } catch (error) {
      if (systemClock.monotonic() > deadline) throw error;
    }
    await systemClock.sleep(10);
  }
}

/** Sends one command on a connection of its own, as redis-cli does. */
export async function sendCommand(
  { port, password, database, tls }: RedisAccess,
  words: readonly (string | number | Buffer)[],
): Promise<unknown> {
  const [name = 'ping', ...rest] = words;
  const client = new Redis({
    host: HOST,
    port,
    ...(password !== undefined && { password }),
    ...(database !== undefined && { db: database }),
    ...(tls === true && { tls: { ca: readFileSync(TEST_TLS.ca) } }),
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

/**
 * Does something that needs free ports, again where another process took one of them in between.
 */
export async function onFreePorts<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!/in use|Failed listening/.test(String(error)) || tries === 5) throw error;
    }
  }
}
