import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  HOST,
  eventually,
  freePort,
  launchRedis,
  onFreePorts,
  sendCommand,
  tlsSettings,
  type RedisAccess,
} from './redis-process';
import { startRedisServer, type RedisServer } from './redis-server';

/** What the Sentinels call the master. */
const MASTER_NAME = 'test-master';

/** A master with a replica, and Sentinels that watch them. */
export interface WatchedRedis {
  /** `redis+sentinel://…` */
  readonly url: string;
  /** The first master and its replica, whatever they are now. */
  readonly servers: readonly [RedisServer, RedisServer];
  /** The server that the Sentinels name as the master now. */
  master(): Promise<RedisServer>;
  /**
   * Makes the replica the master. The old one is made its replica about ten seconds later; what it
   * was given until then is lost.
   */
  failover(): Promise<void>;
  /** Resolves once the Sentinels have made another server the master, e.g. after `kill9()`. */
  untilMasterIsNot(old: RedisServer): Promise<void>;
  stop(): Promise<void>;
}

export async function startRedisSentinel(
  options: {
    /** Default: 1. */
    readonly sentinels?: number;
    /** Of the servers. */
    readonly password?: string;
    /** Of the Sentinels. */
    readonly sentinelPassword?: string;
    readonly database?: number;
    readonly tls?: boolean;
    /** More arguments of the replica alone. */
    readonly replicaArgs?: readonly string[];
  } = {},
): Promise<WatchedRedis> {
  const { sentinels: count = 1, password, sentinelPassword, database = 0, tls = false } = options;
  const { replicaArgs = [] } = options;
  const common = { ...(password !== undefined && { password }), database, tls };
  const quick = ['--repl-diskless-sync-delay', '0'];
  const stops: (() => Promise<void>)[] = [];
  // Sentinels first, or they would take the end for a crash.
  const stop = async () => {
    for (const end of stops.reverse()) await end();
  };

  try {
    const first = await startRedisServer({ ...common, args: quick });
    stops.push(() => first.stop());
    const args = [...quick, ...replicaArgs, '--replicaof', HOST, String(first.port)];
    const second = await startRedisServer({ ...common, args });
    stops.push(() => second.stop());
    const servers = [first, second] as const;
    await eventually(async () =>
      String(await second.command('info', 'replication')).includes('master_link_status:up'),
    );

    const sentinels: RedisAccess[] = [];
    for (let i = 0; i < count; i += 1) {
      const sentinel = await startSentinel({
        masterPort: first.port,
        quorum: Math.floor(count / 2) + 1,
        password,
        sentinelPassword,
        tls,
      });
      sentinels.push(sentinel.access);
      stops.push(sentinel.stop);
    }
    const ask = (access: RedisAccess, ...words: string[]) =>
      sendCommand(access, ['sentinel', ...words]);
    await eventually(async () => {
      const known = await Promise.all(sentinels.map((one) => ask(one, 'master', MASTER_NAME)));
      return known.every((answer) => {
        const words = Array.isArray(answer) ? answer.map(String) : [];
        const field = (name: string) => words[words.indexOf(name) + 1];
        return field('num-slaves') === '1' && field('num-other-sentinels') === String(count - 1);
      });
    });

    const master = async () => {
      const [sentinel = { port: 0 }] = sentinels;
      const answer = await ask(sentinel, 'get-master-addr-by-name', MASTER_NAME);
      const port = Array.isArray(answer) ? Number(answer[1]) : 0;
      const found = servers.find((server) => server.port === port);
      if (!found) throw new Error(`the Sentinels name an unknown server on port ${port}`);
      return found;
    };
    const untilMasterIsNot = (old: RedisServer) =>
      eventually(async () => {
        const current = await master();
        if (current === old) return false;
        const [role] = (await current.command('role')) as unknown[];
        return role === 'master';
      });

    const user = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
    const hosts = sentinels.map(({ port }) => `${HOST}:${port}`).join(',');
    const query =
      sentinelPassword === undefined
        ? ''
        : `?sentinelPassword=${encodeURIComponent(sentinelPassword)}`;
    return {
      url: `${tls ? 'rediss' : 'redis'}+sentinel://${user}${hosts}/${MASTER_NAME}/${database}${query}`,
      servers,
      master,
      untilMasterIsNot,
      async failover() {
        const old = await master();
        const [sentinel = { port: 0 }] = sentinels;
        // Refused while the Sentinel has not seen that the replica is a good one.
        await eventually(async () => (await ask(sentinel, 'failover', MASTER_NAME)) === 'OK');
        await untilMasterIsNot(old);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startSentinel(options: {
  readonly masterPort: number;
  readonly quorum: number;
  readonly password: string | undefined;
  readonly sentinelPassword: string | undefined;
  readonly tls: boolean;
}): Promise<{ access: RedisAccess; stop(): Promise<void> }> {
  const { masterPort, quorum, password, sentinelPassword, tls } = options;
  const dir = await mkdtemp(join(tmpdir(), 'redis-sentinel-test-'));
  const config = join(dir, 'sentinel.conf');
  const remove = () => rm(dir, { recursive: true, force: true });
  try {
    return await onFreePorts(async () => {
      const access = { port: await freePort(), password: sentinelPassword, tls };
      // A Sentinel keeps its state in this file.
      await writeFile(
        config,
        [
          ...Object.entries(tls ? tlsSettings(access.port) : { port: access.port }).map(
            ([name, value]) => `${name} ${value}`,
          ),
          `bind ${HOST}`,
          `dir ${dir}`,
          'loglevel warning',
          `sentinel monitor ${MASTER_NAME} ${HOST} ${masterPort} ${quorum}`,
          `sentinel down-after-milliseconds ${MASTER_NAME} 1000`,
          `sentinel failover-timeout ${MASTER_NAME} 5000`,
          ...(password === undefined ? [] : [`sentinel auth-pass ${MASTER_NAME} ${password}`]),
          ...(sentinelPassword === undefined
            ? []
            : [`requirepass ${sentinelPassword}`, `sentinel sentinel-pass ${sentinelPassword}`]),
          '',
        ].join('\n'),
      );
      const running = await launchRedis({ args: [config, '--sentinel'], access, ownFolder: dir });
      const stop = async () => {
        await running.end('SIGTERM');
        await remove();
      };
      return { access, stop };
    });
  } catch (error) {
    await remove();
    throw error;
  }
}
