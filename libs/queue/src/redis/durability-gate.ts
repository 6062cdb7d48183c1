import { PipelineError } from '@event-pipeline/runtime';
import { changesFor } from '../guarantee';
import type { RedisLink } from './redis-link';
import type { ServerInspection } from './server-inspection';

/** How soon a server that was not durable is asked again, ms: intake resumes by itself. */
const ASK_AGAIN_MS = 1_000;

/**
 * Lets an enqueue through only to a server that has been seen to be durable, by the very connection
 * that it uses (QUEUE_STRICT).
 *
 * A reconnect may lead to another server: a failover to a replica with everysec, a restart with
 * another redis.conf. Its first enqueue waits for the look. On a cluster a node may send an enqueue on
 * to another one (MOVED), which nobody has looked at: so the answer counts only where the connection
 * afterwards is the one of before, or leads to a server that is durable, too.
 *
 * What it cannot see: settings that change under a connection, until the next look.
 */
export class DurabilityGate {
  constructor(
    private readonly redis: RedisLink,
    private readonly inspection: ServerInspection,
  ) {}

  /**
   * @param key the epoch key of the partition
   * @throws PipelineError QUEUE_NOT_DURABLE, with what to change; QUEUE_UNAVAILABLE
   */
  async guarded<T>(key: string, enqueue: () => Promise<T>): Promise<T> {
    let checked: string;
    do checked = await this.check(key);
    while (this.redis.sessionOf(key) !== checked);
    const result = await enqueue();
    if (this.redis.sessionOf(key) !== checked) await this.check(key);
    return result;
  }

  /** Resolves with the session that the check was about. */
  private async check(key: string): Promise<string> {
    const { session, health } = await this.inspection.known(this.redis, key, ASK_AGAIN_MS);
    if (health.durability === 'disk') return session;
    throw new PipelineError(
      'QUEUE_NOT_DURABLE',
      `the durability of ${this.redis.place} is ${health.durability}, and QUEUE_STRICT wants disk: ` +
        changesFor(health),
    );
  }
}
