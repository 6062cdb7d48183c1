import type { QueueHealth } from '../queue';
import { replyCode } from './redis-errors';
import type { RedisLink } from './redis-link';

/**
 * What an acknowledgement is worth on the server that holds a key, read from its configuration.
 * Settings that may not be read (CONFIG is often forbidden) count as unknown, never as durable.
 *
 * Source: Redis documentation, "Redis persistence": appendfsync always syncs before it replies,
 * everysec may lose what was acknowledged in the last second or two.
 */
export async function readDurability(redis: RedisLink, key: string): Promise<QueueHealth> {
  const role = await redis.call(key, 'role', []);
  if (Array.isArray(role) && role[0] !== 'master') {
    return { durability: 'unknown', detail: `the server is a ${String(role[0])}, not a master` };
  }
  const settings = await readSettings(redis, key);
  if (!settings) return { durability: 'unknown', detail: 'CONFIG GET is not permitted' };

  const detail = ['appendonly', 'appendfsync', 'maxmemory-policy']
    .map((name) => `${name} ${settings.get(name) ?? 'unknown'}`)
    .join(', ');
  if (settings.get('maxmemory-policy') !== 'noeviction') {
    return { durability: 'memory', detail: `${detail}: eviction may delete the queue` };
  }
  if (settings.get('appendonly') !== 'yes') return { durability: 'memory', detail };
  const always = settings.get('appendfsync') === 'always';
  return always && settings.get('no-appendfsync-on-rewrite') === 'no'
    ? { durability: 'disk', detail }
    : { durability: 'bounded-loss', detail };
}

async function readSettings(
  redis: RedisLink,
  key: string,
): Promise<Map<string, string> | undefined> {
  const settings = new Map<string, string>();
  const names = ['appendonly', 'appendfsync', 'no-appendfsync-on-rewrite', 'maxmemory-policy'];
  let reply: unknown;
  try {
    reply = await redis.call(key, 'config', ['get', ...names]);
  } catch (error) {
    // Redis refused; where it gave no answer at all, nothing is known yet and the caller asks again.
    if (error instanceof Error && replyCode(error.cause) !== '') return undefined;
    throw error;
  }
  // RESP3 answers with a map, which ioredis gives as a flat list, as RESP2 does.
  const flat = Array.isArray(reply) ? reply : Object.entries(reply ?? {}).flat();
  for (let i = 0; i + 1 < flat.length; i += 2) settings.set(String(flat[i]), String(flat[i + 1]));
  return settings;
}
