import { messageOf } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import { Redis } from 'ioredis';
import type { RedisSentinelLocation } from '../redis-location';
import type { RedisLinkOptions } from './redis-link';
import { replyCode } from './redis-errors';
import { limitHandshake, sentinelClientOptions } from './redis-options';

/** What a Sentinel publishes when it has taken another server for the master. */
const CHANNEL = '+switch-master';

/**
 * Listens to every Sentinel of a URL for a new master. After a failover by command, or of a master
 * that only the Sentinels lost, the old one takes writes for about ten seconds more, until it is made
 * a replica and forgets them; who hears of it at once loses less.
 *
 * A Sentinel that is out of reach is tried again, quietly: as long as one of them answers, all works.
 */
export class MasterWatch {
  /** Why a Sentinel was out of reach last; undefined once one has answered after that. */
  lastError: unknown;
  private readonly sentinels: readonly Redis[];

  private hasWarned = false;

  constructor(
    location: RedisSentinelLocation,
    options: RedisLinkOptions,
    private readonly logger: Logger,
    onSwitch: () => void,
  ) {
    this.sentinels = location.sentinels.map((endpoint) => {
      const sentinel = new Redis(sentinelClientOptions(location, endpoint, options));
      sentinel.on('error', (error: unknown) => {
        this.lastError = error;
      });
      sentinel.on('message', (_channel: string, message: string) => {
        if (message.startsWith(`${location.masterName} `)) onSwitch();
      });
      sentinel.on('ready', () => {
        this.lastError = undefined;
        sentinel.subscribe(CHANNEL).catch((error: unknown) => this.noteRefusal(error));
      });
      limitHandshake(sentinel, options.commandTimeoutMs);
      return sentinel;
    });
  }

  /** A connection that is lost is made again, and subscribes again: no reason to speak. */
  private noteRefusal(error: unknown): void {
    if (replyCode(error) === '' || this.hasWarned) return;
    this.hasWarned = true;
    this.logger.warn(
      { detail: messageOf(error) },
      `a Sentinel does not let this user subscribe to ${CHANNEL}: a new master is noticed late, and what ` +
        'the old one takes until then is lost; allow SUBSCRIBE on that channel',
    );
  }

  close(): void {
    for (const sentinel of this.sentinels) sentinel.disconnect();
  }
}
