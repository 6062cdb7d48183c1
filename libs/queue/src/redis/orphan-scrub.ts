import type { Logger } from '@event-pipeline/telemetry';
import type { RedisConnection } from './redis-connection';
import type { PartitionKeys } from './redis-keys';

const KEYS_PER_STEP = 1_000;

/**
 * Finds leases that the set of deadlines does not know: someone deleted it, or restored a part of
 * the keys. They get a deadline that has passed, so that reclaim takes them back. The scripts
 * themselves leave no such lease.
 */
export class OrphanScrub {
  private cursor = '0';

  constructor(private readonly logger: Logger) {}

  /** Goes one bounded step through the key space. */
  async step(redis: RedisConnection, keys: PartitionKeys): Promise<void> {
    const reply = await redis.call('scan', [
      this.cursor,
      'MATCH',
      keys.leasePattern,
      'COUNT',
      KEYS_PER_STEP,
    ]);
    if (!Array.isArray(reply) || !Array.isArray(reply[1])) return;
    this.cursor = String(reply[0]);
    for (const key of reply[1].map(String)) {
      const leaseId = key.slice(keys.lease('').length);
      // Only adds, so a lease that is settled meanwhile is at most named for nothing.
      const added = await redis.call('zadd', [keys.leases, 'NX', 0, leaseId]);
      if (Number(added) > 0)
        this.logger.warn({ lease: leaseId }, 'found a lease without a deadline');
    }
  }
}
