import type { Random } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import type { QueueHealth } from '../queue';
import type { RedisConnection } from './redis-connection';
import { readDurability } from './redis-durability';

/**
 * Looks at the server at every (re)connect: says in the log what an acknowledgement is worth there,
 * and notices a server that came back without its data.
 */
export class ServerInspection {
  private guarantee: QueueHealth | undefined;
  private epoch: string | undefined;

  constructor(
    private readonly epochKey: string,
    private readonly random: Random,
    private readonly logger: Logger,
  ) {}

  /** What the last look found; asks where there was none. Rejects with QUEUE_UNAVAILABLE. */
  async health(redis: RedisConnection): Promise<QueueHealth> {
    this.guarantee ??= await readDurability(redis);
    return this.guarantee;
  }

  /** Never rejects: a connection that is lost meanwhile is inspected when it is back. */
  async inspect(redis: RedisConnection): Promise<void> {
    try {
      // First: a Redis at maxmemory refuses to write an epoch, and can still be asked.
      const guarantee = await readDurability(redis);
      const changed = this.guarantee?.detail !== guarantee.detail;
      this.guarantee = guarantee;
      if (changed) this.report(redis.place, guarantee);
      await this.compareEpoch(redis);
    } catch (error) {
      this.logger.debug({ err: error }, 'could not inspect Redis');
    }
  }

  private async compareEpoch(redis: RedisConnection): Promise<void> {
    const fresh = this.random.uuid();
    const known = await redis.call('set', [this.epochKey, fresh, 'NX', 'GET']);
    const current = typeof known === 'string' ? known : fresh;
    if (this.epoch !== undefined && this.epoch !== current) {
      this.logger.error(
        { redis: redis.place },
        'Redis came back without the data of this queue: what it had acknowledged may be lost',
      );
    }
    this.epoch = current;
  }

  private report(redis: string, guarantee: QueueHealth): void {
    const fields = { redis, ...guarantee };
    if (guarantee.durability === 'disk') {
      this.logger.info(fields, 'acknowledged events are on disk');
      return;
    }
    this.logger.warn(
      fields,
      'acknowledged events may be lost with this Redis: set appendonly yes, appendfsync always and ' +
        'maxmemory-policy noeviction',
    );
  }
}
