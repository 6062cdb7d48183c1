import { PipelineError, messageOf } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import { Command, Redis } from 'ioredis';
import { isWrongServer, replyCode, toQueueError } from './redis-errors';
import type { RedisScript } from './redis-scripts';

export type RedisArgument = string | number;

export interface RedisConnectionOptions {
  readonly url: string;
  /** What the connection is for, in logs and in CLIENT LIST. */
  readonly name: string;
  /** After this long without an answer the connection is dropped and the call rejected. */
  readonly commandTimeoutMs: number;
  /** Called at each (re)connect, before the connection counts as ready for others. */
  readonly onReady?: () => void;
}

/**
 * One connection to one Redis server that keeps itself alive.
 *
 * A call is answered, or rejected with QUEUE_UNAVAILABLE within its time limit: nothing waits in an
 * offline queue, and nothing is sent again by itself (ioredis would, twice for a lost reply). Of an
 * outage two lines are logged, its beginning and its end; none without a logger.
 */
export class RedisConnection {
  private readonly redis: Redis;
  private down = false;

  constructor(
    private readonly options: RedisConnectionOptions,
    private readonly logger?: Logger,
  ) {
    this.redis = new Redis(options.url, {
      connectionName: options.name,
      enableOfflineQueue: false,
      // Without 0 here, autoResendUnfulfilledCommands: false leaves promises pending for ever.
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      connectTimeout: options.commandTimeoutMs,
      // A connection is dropped because the server does not answer: not worth waiting for its FIN.
      disconnectTimeout: 100,
      retryStrategy: (attempt) => Math.min(2 ** Math.min(attempt, 10) * 25, 1_000),
    });
    this.redis.on('error', (error: unknown) => this.noteDown(messageOf(error)));
    this.redis.on('close', () => this.noteDown('connection closed'));
    this.redis.on('ready', () => {
      if (this.down) this.logger?.info({ redis: this.place }, 'Redis is reachable again');
      this.down = false;
      options.onReady?.();
    });
  }

  get isReady(): boolean {
    return this.redis.status === 'ready';
  }

  /** Host and port, for people; never the password. */
  get place(): string {
    const { host, port } = this.redis.options;
    return `${host ?? 'localhost'}:${port ?? 6379}`;
  }

  /** Resolves when the connection is ready, has failed for the first time, or `limitMs` is over. */
  async settled(limitMs: number): Promise<void> {
    if (this.isReady) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.redis.off('ready', done).off('error', done);
        resolve();
      };
      const timer = setTimeout(done, limitMs);
      this.redis.once('ready', done).once('error', done);
    });
  }

  /**
   * Sends one command.
   *
   * @param limitMs for commands that block by design; else the connection's own limit
   * @throws PipelineError, see {@link toQueueError}
   */
  async call(
    command: string,
    args: readonly RedisArgument[],
    limitMs: number = this.options.commandTimeoutMs,
  ): Promise<unknown> {
    try {
      return await this.send(command, args, limitMs);
    } catch (error) {
      if (isWrongServer(error)) this.redis.disconnect(true);
      throw toQueueError(error);
    }
  }

  /** Runs a script by its digest, and by its text where Redis does not know it (yet or any more). */
  async run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
  ): Promise<unknown> {
    const limitMs = this.options.commandTimeoutMs;
    const rest: RedisArgument[] = [keys.length, ...keys];
    for (const arg of args) rest.push(arg);
    try {
      try {
        return await this.send('evalsha', [script.sha, ...rest], limitMs);
      } catch (error) {
        if (replyCode(error) !== 'NOSCRIPT') throw error;
        return await this.send('eval', [script.source, ...rest], limitMs);
      }
    } catch (error) {
      if (isWrongServer(error)) this.redis.disconnect(true);
      throw toQueueError(error);
    }
  }

  /** Ends the connection at once; what is under way is rejected. */
  close(): void {
    this.redis.disconnect(false);
  }

  private async send(
    command: string,
    args: readonly RedisArgument[],
    limitMs: number,
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
        this.redis.disconnect(true);
      }, limitMs);
    });
    try {
      const sent = this.redis.sendCommand(
        new Command(command, args as RedisArgument[], { replyEncoding: 'utf8' }),
      ) as Promise<unknown>;
      return await Promise.race([sent, outOfTime]);
    } finally {
      clearTimeout(timer);
    }
  }

  private noteDown(reason: string): void {
    if (this.down || this.redis.status === 'end') return;
    this.down = true;
    this.logger?.warn(
      { redis: this.place, reason },
      `Redis at ${this.place} is not reachable; trying again until it is`,
    );
  }
}
