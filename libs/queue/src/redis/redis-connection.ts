import { PipelineError } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import { Command, Redis } from 'ioredis';
import { secretsOf, type RedisSentinelLocation, type RedisServerLocation } from '../redis-location';
import { firstOutcome } from './first-outcome';
import { OutageLog } from './outage-log';
import { MasterWatch } from './master-watch';
import { isDatabaseRefused, isWrongServer, outageReason, toQueueError } from './redis-errors';
import type { RedisArgument, RedisLink, RedisLinkOptions, ReplyEncoding } from './redis-link';
import { connectionOptions, limitHandshake, placeOf } from './redis-options';
import type { RedisScript } from './redis-scripts';
import { runScript } from './run-script';

/**
 * One connection to one Redis server, or to the one that Sentinels name as the master at each
 * (re)connect.
 *
 * Nothing is sent again by itself (ioredis would, twice for a lost reply), so it also suits commands
 * that must not be repeated.
 */
export class RedisConnection implements RedisLink {
  readonly place: string;
  private readonly redis: Redis;
  private readonly outage: OutageLog;
  private readonly watch: MasterWatch | undefined;
  private masterHasChanged = false;
  private connections = 0;

  /** @param logger none for a connection whose failures another one tells, and follows, too */
  constructor(
    location: RedisServerLocation | RedisSentinelLocation,
    private readonly options: RedisLinkOptions,
    logger?: Logger,
  ) {
    this.place =
      location.kind === 'server'
        ? placeOf(location.endpoint)
        : `${location.masterName} of ${location.sentinels.map(placeOf).join(',')}`;
    this.outage = new OutageLog(this.place, logger, secretsOf(location));
    if (location.kind === 'sentinel' && logger) {
      this.watch = new MasterWatch(location, options, logger, () => this.followMaster());
    }
    this.redis = new Redis(connectionOptions(location, options));
    limitHandshake(this.redis, options.commandTimeoutMs);
    // Not at 'ready', which ioredis tells a moment after it has begun to send.
    this.redis.on('connect', () => (this.connections += 1));
    this.redis.on('error', (error: unknown) => {
      this.noteDown(outageReason(error, this.watch?.lastError));
      // ioredis would go on, in database 0.
      if (isDatabaseRefused(error)) this.redis.disconnect(true);
    });
    this.redis.on('close', () => this.noteDown('connection closed'));
    this.redis.on('ready', () => {
      // The Sentinel that was asked may have been the last to know.
      if (this.masterHasChanged) return this.followMaster();
      this.outage.end(this.place);
      options.onReady?.();
    });
  }

  get isReady(): boolean {
    return this.redis.status === 'ready';
  }

  async settled(limitMs: number): Promise<void> {
    if (this.isReady) return;
    await firstOutcome(this.redis, limitMs);
  }

  async call(
    _key: string,
    command: string,
    args: readonly RedisArgument[],
    limitMs: number = this.options.commandTimeoutMs,
  ): Promise<unknown> {
    try {
      return await this.send(command, args, limitMs);
    } catch (error) {
      throw this.failed(error);
    }
  }

  async run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
  ): Promise<unknown> {
    const limitMs = this.options.commandTimeoutMs;
    try {
      return await runScript(
        (command, args, encoding) => this.send(command, args, limitMs, encoding),
        script,
        keys,
        args,
      );
    } catch (error) {
      throw this.failed(error);
    }
  }

  serverOf(): string {
    return this.place;
  }

  sessionOf(): string {
    return `${this.place}#${this.connections}`;
  }

  close(): void {
    this.watch?.close();
    this.redis.disconnect(false);
  }

  private async send(
    command: string,
    args: readonly RedisArgument[],
    limitMs: number,
    replyEncoding: ReplyEncoding = 'utf8',
  ): Promise<unknown> {
    if (!this.isReady) {
      throw new PipelineError('QUEUE_UNAVAILABLE', `Redis at ${this.place} is not reachable`);
    }
    let timer: NodeJS.Timeout | undefined;
    const outOfTime = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(
          new PipelineError(
            'QUEUE_UNAVAILABLE',
            `Redis at ${this.place} did not answer ${command} within ${limitMs} ms`,
          ),
        );
        // What was sent may still be carried out later; nobody may wait behind it any longer.
        this.drop();
      }, limitMs);
    });
    try {
      const sent = this.redis.sendCommand(
        new Command(command, args as RedisArgument[], { replyEncoding }),
      ) as Promise<unknown>;
      return await Promise.race([sent, outOfTime]);
    } finally {
      clearTimeout(timer);
    }
  }

  private failed(error: unknown): PipelineError {
    // It was demoted: the next connection asks the Sentinels for the master.
    if (isWrongServer(error)) this.drop();
    return toQueueError(error);
  }

  /** Only a ready one: ioredis gives up for good when it is told to while it asks the Sentinels. */
  private drop(): void {
    if (this.isReady) this.redis.disconnect(true);
  }

  /** Leaves a server that is the master no longer, now or as soon as it is reached. */
  private followMaster(): void {
    this.masterHasChanged = !this.isReady;
    this.drop();
  }

  private noteDown(reason: string): void {
    if (this.redis.status !== 'end') this.outage.begin(this.place, reason);
  }
}
