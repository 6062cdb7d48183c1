import type { Logger } from '@event-pipeline/telemetry';
import {
  QUOTA_BURST_MS,
  type QuotaAmount,
  type QuotaBuckets,
  type QuotaGrant,
  type QuotaRates,
} from '../quota-buckets';
import type { RedisLocation } from '../redis-location';
import type { RedisLink } from './redis-link';
import { openQuotaLink } from './redis-links';
import { quotaKey } from './redis-keys';
import { redisScripts } from './redis-scripts';

export interface RedisQuotaOptions {
  readonly location: RedisLocation;
  /** Of the queue. */
  readonly name: string;
  /** Time limit of every command, ms. */
  readonly commandTimeoutMs: number;
}

/**
 * Buckets on a Redis that many processes share, refilled by its own time. Has a connection of its own, made
 * when the first bucket is asked: a question does not wait behind a large batch.
 */
export class RedisQuotaBuckets implements QuotaBuckets {
  private link: RedisLink | undefined;

  constructor(
    private readonly options: RedisQuotaOptions,
    private readonly logger: Logger,
  ) {}

  async take(name: string, rates: QuotaRates, wanted: QuotaAmount): Promise<QuotaGrant> {
    const reply = (await (
      await this.connected()
    ).run(
      redisScripts.takeQuota,
      [quotaKey(this.options.name, name)],
      [rates.events, rates.bytes, wanted.events, wanted.bytes, QUOTA_BURST_MS],
    )) as readonly string[];
    const [events, bytes, waitMs] = reply.map(Number);
    return { events: events ?? 0, bytes: bytes ?? 0, waitMs: waitMs ?? 0 };
  }

  close(): Promise<void> {
    this.link?.close();
    return Promise.resolve();
  }

  private async connected(): Promise<RedisLink> {
    const { location, commandTimeoutMs } = this.options;
    if (this.link === undefined) {
      const name = `${this.options.name}:quotas`;
      this.link = openQuotaLink(location, { name, commandTimeoutMs }, this.logger);
      await this.link.settled(commandTimeoutMs);
    }
    return this.link;
  }
}
