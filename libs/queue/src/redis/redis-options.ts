import type { ClusterOptions, Redis, RedisOptions } from 'ioredis';
import type {
  RedisClusterLocation,
  RedisCredentials,
  RedisEndpoint,
  RedisLocation,
  RedisSentinelLocation,
  RedisServerLocation,
} from '../redis-location';
import type { RedisLinkOptions } from './redis-link';

/** What each kind of connection asks of ioredis, and why. */

/** ioredis' types want it said: replies in the shapes of RESP2. */
interface ReplyShapes {
  readonly replyMapping: 'legacy';
}

/** The ioredis options of a connection to one server, which Sentinels may name. */
export function connectionOptions(
  location: RedisServerLocation | RedisSentinelLocation,
  options: RedisLinkOptions,
): RedisOptions & ReplyShapes {
  return {
    ...commonOptions(location, options),
    ...(location.kind === 'server' ? location.endpoint : sentinelOptions(location, options)),
    db: location.database,
    replyMapping: 'legacy',
    enableOfflineQueue: false,
    // Without 0 here, autoResendUnfulfilledCommands: false leaves promises pending for ever.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy,
  };
}

function sentinelOptions(
  { sentinels, masterName, sentinelCredentials, tls }: RedisSentinelLocation,
  { commandTimeoutMs }: RedisLinkOptions,
): RedisOptions {
  const { username, password } = sentinelCredentials;
  return {
    sentinels: [...sentinels],
    name: masterName,
    role: 'master',
    sentinelRetryStrategy: retryStrategy,
    // A Sentinel that hangs must not hold up the others.
    sentinelCommandTimeout: commandTimeoutMs,
    ...(username !== undefined && { sentinelUsername: username }),
    ...(password !== undefined && { sentinelPassword: password }),
    ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
  };
}

/** The ioredis options of a connection to a Sentinel itself, to listen to it. */
export function sentinelClientOptions(
  { sentinelCredentials, tls }: RedisSentinelLocation,
  sentinel: RedisEndpoint,
  { name, commandTimeoutMs }: RedisLinkOptions,
): RedisOptions & ReplyShapes {
  return {
    ...sentinel,
    ...credentialOptions(sentinelCredentials),
    ...(tls && { tls: {} }),
    replyMapping: 'legacy',
    connectionName: name,
    connectTimeout: commandTimeoutMs,
    disconnectTimeout: 100,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    autoResubscribe: false,
    retryStrategy,
  };
}

/** The ioredis options of a cluster. */
export function clusterOptions(
  location: RedisClusterLocation,
  options: RedisLinkOptions,
): ClusterOptions & { redisOptions: RedisOptions & ReplyShapes } {
  const { commandTimeoutMs } = options;
  return {
    redisOptions: { ...commonOptions(location, options), replyMapping: 'legacy' },
    // A call waits while its node is being connected to, within its time limit.
    enableOfflineQueue: true,
    // Whether the slots of a call are served, the call itself says; one lost node is not the end.
    enableReadyCheck: false,
    enableAutoPipelining: false,
    scaleReads: 'master',
    clusterRetryStrategy: retryStrategy,
    // While a slot moves, a script is refused (TRYAGAIN) until the move is over, since some of its keys
    // are absent by nature. Its time limit ends that; this ends two nodes that point at each other.
    maxRedirections: 16 + Math.ceil(commandTimeoutMs / 20),
    retryDelayOnTryAgain: 100,
    retryDelayOnClusterDown: 100,
    // Never again where the connection was lost: the call may have been carried out, and a settle that
    // is sent twice would hear that its lease is gone. The caller knows what to repeat, and how.
    retryDelayOnFailover: 0,
    slotsRefreshTimeout: Math.max(1_000, commandTimeoutMs / 2),
    // Names stay names, for the certificate, and so that the system tries every address of one.
    dnsLookup: (address, callback) => callback(null, address),
  };
}

function commonOptions(location: RedisLocation, options: RedisLinkOptions): RedisOptions {
  return {
    ...credentialOptions(location.credentials),
    ...(location.tls && { tls: {} }),
    connectionName: options.name,
    connectTimeout: options.commandTimeoutMs,
    // A connection is dropped because the server does not answer: not worth waiting for its FIN.
    disconnectTimeout: 100,
    // A server that loads its data is asked again soon.
    maxLoadingRetryTime: 500,
  };
}

function credentialOptions({ username, password }: RedisCredentials): RedisOptions {
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
  };
}

/** Soon at first, then every second. */
function retryStrategy(attempt: number): number {
  return Math.min(2 ** Math.min(attempt, 10) * 25, 1_000);
}

/**
 * Drops a connection whose server took it and then says nothing, as a stopped process does: ioredis
 * would wait for its greeting for ever, even when another server has taken over.
 */
export function limitHandshake(redis: Redis, limitMs: number): void {
  let timer: NodeJS.Timeout | undefined;
  const over = () => clearTimeout(timer);
  redis.on('connect', () => {
    over();
    timer = setTimeout(() => redis.disconnect(true), limitMs);
  });
  redis.on('ready', over).on('close', over);
}

export function placeOf({ host, port }: RedisEndpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
