import type { Logger } from '@event-pipeline/telemetry';
import type { PartitionKeys } from './redis-keys';
import type { RedisLink } from './redis-link';
import { redisScripts } from './redis-scripts';

const KEYS_PER_STEP = 1_000;

/**
 * Finds leases that the set of deadlines does not know: someone deleted it, or restored a part of
 * the keys. They get a deadline that has passed, so that reclaim takes them back. The scripts
 * themselves leave no such lease.
 */
export class OrphanScrub {
  /** How far each partition has got through the key space of its server. */
  private readonly cursors = new Map<string, string>();

  constructor(private readonly logger: Logger) {}

  /**
   * Goes one bounded step through the key space of the partition's server. Where the partition has
   * moved to another one meanwhile, the cursor fits the next round only: SCAN takes any.
   */
  async step(redis: RedisLink, keys: PartitionKeys): Promise<void> {
    const reply = await redis.call(keys.leases, 'scan', [
      this.cursors.get(keys.leases) ?? '0',
      'MATCH',
      keys.leasePattern,
      'COUNT',
      KEYS_PER_STEP,
    ]);
    if (!Array.isArray(reply) || !Array.isArray(reply[1])) return;
    this.cursors.set(keys.leases, String(reply[0]));
    for (const key of reply[1].map(String)) {
      const leaseId = key.slice(keys.lease('').length);
      // It may have been settled since the look.
      const added = await redis.run(redisScripts.adoptLease, [key, keys.leases], [leaseId]);
      if (Number(added) > 0)
        this.logger.warn({ lease: leaseId }, 'found a lease without a deadline');
    }
  }
}
