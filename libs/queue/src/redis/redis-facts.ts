import { replyCode } from './redis-errors';
import type { RedisArgument, RedisLink } from './redis-link';

/** What a server says of the file that it appends to. */
export interface AppendOnlyFile {
  readonly enabled: boolean;
  /** A rewrite is under way, or due. */
  readonly isRewriting: boolean;
  /** The last rewrite failed. */
  readonly hasFailed: boolean;
}

/** What a server says of itself. What it does not let be read is undefined. */
export interface RedisFacts {
  /** E.g. "7.2.4". */
  readonly version: string | undefined;
  /** "master" or "slave". */
  readonly role: string | undefined;
  /** Differs for each start of the process. */
  readonly runId: string | undefined;
  readonly appendOnlyFile: AppendOnlyFile | undefined;
  /** The settings of {@link READ_SETTINGS} by their names; undefined where CONFIG is forbidden. */
  readonly settings: ReadonlyMap<string, string> | undefined;
}

/** The settings that decide what an acknowledgement is worth, and whether the server lives. */
export const READ_SETTINGS = [
  'appendonly',
  'appendfsync',
  'no-appendfsync-on-rewrite',
  'maxmemory-policy',
  'maxmemory',
] as const;

/**
 * Asks the server that holds a key: four small commands. A refusal (an ACL, a renamed command) makes
 * a fact unknown.
 *
 * @throws PipelineError QUEUE_UNAVAILABLE where it gives no answer at all: then nothing is known
 */
export async function readFacts(redis: RedisLink, key: string): Promise<RedisFacts> {
  // In this order: a server that has just learnt of appendonly must not look as if its file were whole.
  const [role, settings, info, persistence] = await Promise.all([
    askedOf(redis, key, 'role', []),
    askedOf(redis, key, 'config', ['get', ...READ_SETTINGS]),
    askedOf(redis, key, 'info', ['server']),
    askedOf(redis, key, 'info', ['persistence']),
  ]);
  return {
    role: Array.isArray(role) ? String(role[0]) : undefined,
    settings: settings === undefined ? undefined : pairsOf(settings),
    version: fieldOf(info, 'redis_version'),
    runId: fieldOf(info, 'run_id'),
    appendOnlyFile: appendOnlyFileOf(persistence),
  };
}

function fieldOf(info: unknown, name: string): string | undefined {
  return new RegExp(`^${name}:(\\S+)`, 'm').exec(String(info ?? ''))?.[1];
}

/** Undefined where the server does not tell. */
function appendOnlyFileOf(info: unknown): AppendOnlyFile | undefined {
  const [enabled, inProgress, scheduled] = [
    'aof_enabled',
    'aof_rewrite_in_progress',
    'aof_rewrite_scheduled',
  ].map((name) => fieldOf(info, name));
  if (enabled === undefined || inProgress === undefined) return undefined;
  return {
    enabled: enabled === '1',
    isRewriting: inProgress !== '0' || (scheduled ?? '0') !== '0',
    hasFailed: fieldOf(info, 'aof_last_bgrewrite_status') === 'err',
  };
}

/** Undefined where Redis refused to answer. */
async function askedOf(
  redis: RedisLink,
  key: string,
  command: string,
  args: readonly RedisArgument[],
): Promise<unknown> {
  try {
    return await redis.call(key, command, args);
  } catch (error) {
    if (error instanceof Error && replyCode(error.cause) !== '') return undefined;
    throw error;
  }
}

/** RESP3 answers with a map, which ioredis gives as a flat list, as RESP2 does. */
function pairsOf(reply: unknown): ReadonlyMap<string, string> {
  const flat = Array.isArray(reply) ? reply : Object.entries(reply ?? {}).flat();
  const pairs = new Map<string, string>();
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.set(String(flat[i]), String(flat[i + 1]));
  return pairs;
}
