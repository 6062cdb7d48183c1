import type { Random } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import type { Durability, QueueHealth } from '../queue';
import { readDurability } from './redis-durability';
import type { RedisLink } from './redis-link';

/** From the best to what is worth least. */
const DURABILITIES: readonly Durability[] = ['disk', 'bounded-loss', 'unknown', 'memory'];

/**
 * Looks at every server that holds a partition at each (re)connect: says in the log what an
 * acknowledgement is worth there, and notices one that came back without its data. A partition is
 * named by its epoch key.
 */
export class ServerInspection {
  /** What the last look at each server found. */
  private readonly guarantees = new Map<string, QueueHealth>();
  private readonly epochs = new Map<string, string>();

  constructor(
    private readonly random: Random,
    private readonly logger: Logger,
  ) {}

  /**
   * The worst of what is known of the servers that hold these keys; asks those that it has not seen.
   * Rejects with QUEUE_UNAVAILABLE.
   */
  async health(redis: RedisLink, epochKeys: readonly string[]): Promise<QueueHealth> {
    const found: QueueHealth[] = [];
    for (const [server, [key]] of serversOf(redis, epochKeys)) {
      found.push(this.guarantees.get(server) ?? (await this.look(redis, server, key)));
    }
    const rank = ({ durability }: QueueHealth) => DURABILITIES.indexOf(durability);
    return found.reduce((worst, next) => (rank(next) > rank(worst) ? next : worst));
  }

  /** Never rejects: a server that is lost meanwhile is inspected when it is back. */
  async inspect(redis: RedisLink, epochKeys: readonly string[]): Promise<void> {
    for (const [server, keys] of serversOf(redis, epochKeys)) {
      try {
        // First: a Redis at maxmemory refuses to write an epoch, and can still be asked.
        await this.look(redis, server, keys[0]);
        for (const key of keys) await this.compareEpoch(redis, server, key);
      } catch (error) {
        this.logger.debug({ err: error, redis: server }, 'could not inspect Redis');
      }
    }
  }

  private async look(redis: RedisLink, server: string, key: string): Promise<QueueHealth> {
    const guarantee = await readDurability(redis, key);
    const changed = this.guarantees.get(server)?.detail !== guarantee.detail;
    this.guarantees.set(server, guarantee);
    if (changed) this.report(server, guarantee);
    return guarantee;
  }

  private async compareEpoch(redis: RedisLink, server: string, key: string): Promise<void> {
    const fresh = this.random.uuid();
    const known = await redis.call(key, 'set', [key, fresh, 'NX', 'GET']);
    const current = typeof known === 'string' ? known : fresh;
    const before = this.epochs.get(key);
    if (before !== undefined && before !== current) {
      this.logger.error(
        { redis: server },
        'Redis came back without the data of this queue: what it had acknowledged may be lost',
      );
    }
    this.epochs.set(key, current);
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

/** The keys by the server that holds them, as far as known. */
function serversOf(
  redis: RedisLink,
  keys: readonly string[],
): ReadonlyMap<string, [string, ...string[]]> {
  const servers = new Map<string, [string, ...string[]]>();
  for (const key of keys) {
    const server = redis.serverOf(key);
    const others = servers.get(server);
    if (others) others.push(key);
    else servers.set(server, [key]);
  }
  return servers;
}
