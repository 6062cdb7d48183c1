import type { Logger } from '@event-pipeline/telemetry';
import { NAMED_QUEUES, NoSuchQueueError } from '../no-such-queue';
import { MAX_PARTITIONS } from '../partitioning';
import type { RedisLocation } from '../redis-location';
import { partitionKeys, partitionsKey } from './redis-keys';
import type { RedisLink } from './redis-link';
import { openRedisLinks } from './redis-links';

/** Names are looked for among so many keys at most, in steps that take Redis a few ms each. */
const KEYS_PER_STEP = 5_000;
const MAX_STEPS = 100;
const MAX_FOUND = (NAMED_QUEUES + 1) * MAX_PARTITIONS;

/**
 * Refuses a queue that nobody has used yet: neither its epoch, which each program leaves that opens
 * the queue, nor anything in it is there. Writes nothing.
 *
 * @throws PipelineError CONFIG_INVALID that names the queues that are there; QUEUE_UNAVAILABLE
 */
export async function refuseUnknownQueue(
  location: RedisLocation,
  name: string,
  commandTimeoutMs: number,
  logger: Logger,
): Promise<void> {
  const { commands } = openRedisLinks(location, { name, commandTimeoutMs }, logger);
  try {
    await commands.settled(commandTimeoutMs);
    const { pending, dead, delayed, counters, epoch } = partitionKeys(name, 0);
    const traces = [pending, dead, delayed, counters, epoch, partitionsKey(name)];
    if (Number(await commands.call(pending, 'exists', traces)) > 0) return;
    // One node of a cluster knows its own queues only, and a part of the truth would mislead.
    const others = location.kind === 'cluster' ? undefined : await queueNames(commands, pending);
    throw new NoSuchQueueError(name, `Redis at ${commands.place}`, others);
  } finally {
    commands.close();
  }
}

/** Undefined where this user may not look, or where nothing was found among so many keys. */
async function queueNames(redis: RedisLink, key: string): Promise<string[] | undefined> {
  const found = new Set<string>();
  let cursor = '0';
  for (let step = 0; step < MAX_STEPS && found.size < MAX_FOUND; step++) {
    const words = [cursor, 'MATCH', '{*}:epoch', 'COUNT', KEYS_PER_STEP];
    const reply = await redis.call(key, 'scan', words).catch(() => undefined);
    if (!Array.isArray(reply) || !Array.isArray(reply[1])) return undefined;
    for (const epoch of reply[1].map(String)) found.add(epoch.slice(1, -'}:epoch'.length));
    cursor = String(reply[0]);
    if (cursor === '0') return withoutPartitions(found);
  }
  return found.size === 0 ? undefined : withoutPartitions(found);
}

/** Partition 3 of "orders" has a key as a queue "orders:3" has. */
function withoutPartitions(found: ReadonlySet<string>): string[] {
  const isPartition = (name: string) => {
    const [, queue] = /^(.+):\d+$/.exec(name) ?? [];
    return queue !== undefined && found.has(queue);
  };
  return [...found].filter((name) => !isPartition(name)).sort();
}
