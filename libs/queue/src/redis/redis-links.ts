import type { Logger } from '@event-pipeline/telemetry';
import type { RedisLocation, RedisServerLocation } from '../redis-location';
import { ClusterLink } from './cluster-link';
import { RedisConnection } from './redis-connection';
import type { RedisLink, RedisLinkOptions } from './redis-link';

/** Every way to Redis that a queue uses. */
export interface RedisLinks {
  /** For every call that does not block. */
  readonly commands: RedisLink;

  /**
   * A connection of its own for a command that blocks, to the server that holds the key now. On a
   * cluster it does not follow the key to another node: open another one after it has failed. The
   * caller closes it.
   */
  openWaiting(key: string): RedisLink;
}

/** Begins to connect; see {@link RedisLink.settled}. */
export function openRedisLinks(
  location: RedisLocation,
  options: RedisLinkOptions,
  logger: Logger,
): RedisLinks {
  const { name, commandTimeoutMs } = options;
  const forCommands = { ...options, name: `${name}:commands` };
  // Without a logger: its outages are those of the commands, too.
  const forWaiting = { name: `${name}:waiting`, commandTimeoutMs };
  if (location.kind !== 'cluster') {
    return {
      commands: new RedisConnection(location, forCommands, logger),
      openWaiting: () => new RedisConnection(location, forWaiting),
    };
  }
  const commands = new ClusterLink(location, forCommands, logger);
  const { engine, tls, credentials } = location;
  return {
    commands,
    openWaiting: (key) => {
      // Where nothing is known of the cluster yet, any node: it answers that the key is elsewhere.
      const endpoint = commands.nodeOf(key) ?? location.nodes[0];
      const node: RedisServerLocation = {
        engine,
        kind: 'server',
        tls,
        credentials,
        endpoint,
        database: 0,
      };
      return new RedisConnection(node, forWaiting);
    },
  };
}

/** A connection for quotas; its outages are those of the commands, so they are not told again. */
export function openQuotaLink(
  location: RedisLocation,
  options: RedisLinkOptions,
  logger: Logger,
): RedisLink {
  if (location.kind === 'cluster') return new ClusterLink(location, options, logger);
  return new RedisConnection(location, options);
}
