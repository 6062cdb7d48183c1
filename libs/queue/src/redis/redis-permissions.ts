import { fineFinding, problemFinding, warningFinding, type Finding } from '@event-pipeline/runtime';
import { messageOf } from '@event-pipeline/runtime';
import { replyCode } from './redis-errors';
import { partitionKeys, partitionsKey } from './redis-keys';
import type { RedisArgument, RedisLink } from './redis-link';
import { redisScripts } from './redis-scripts';

/** Commands that the queue sends itself, each with arguments that suit it, on a key of the queue. */
const SENT = (key: string): readonly (readonly [string, ...RedisArgument[]])[] => [
  ['evalsha', redisScripts.stats.sha, 1, key],
  ['eval', 'return 1', 1, key],
  ['blpop', key, 1],
  ['scan', 0],
  ['ping'],
  ['info'],
  ['role'],
  ['config', 'get', 'appendonly'],
];

/** Everything that the scripts call, written as the ACL's dry run wants it: with enough arguments. */
function calledByScripts(key: string): readonly (readonly [string, ...RedisArgument[]])[] {
  const names = new Set<string>();
  for (const { source } of Object.values(redisScripts)) {
    for (const [, name = ''] of source.matchAll(/redis\.p?call\(\s*['"](\w+)['"]/g)) {
      names.add(name.toLowerCase());
    }
  }
  return [...names].sort().map((name) => [name, ...argumentsOf(name, key)] as const);
}

/** Redis checks the number of arguments first, and where the keys are by their positions. */
function argumentsOf(name: string, key: string): readonly RedisArgument[] {
  switch (name) {
    case 'time':
      return [];
    case 'hincrby':
    case 'zrangebyscore':
    case 'zrange':
    case 'lrange':
    case 'ltrim':
    case 'hset':
    case 'zadd':
    case 'xrange':
    case 'lset':
    case 'lrem':
    case 'zincrby':
    case 'psetex':
      return [key, 1, 1];
    case 'xadd':
      return [key, '*', 'f', 'v'];
    case 'hmget':
    case 'hdel':
    case 'hget':
    case 'lindex':
    case 'lpush':
    case 'rpush':
    case 'zrem':
    case 'zscore':
    case 'set':
    case 'xdel':
    case 'pexpire':
      return [key, 1];
    default:
      return [key];
  }
}

/**
 * Whether the user that the queue logs in as may do what the queue does, by Redis' own dry run: nothing
 * is carried out. Where that is not permitted, a script that only reads tells as much as it can.
 */
export async function permissionFindings(
  redis: RedisLink,
  key: string,
  queueName: string,
): Promise<readonly Finding[]> {
  const scripts = await scriptFinding(redis, queueName);
  let user: string;
  try {
    user = String(await redis.call(key, 'acl', ['whoami']));
    await redis.call(key, 'acl', ['dryrun', user, 'ping']);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const means = 'ACL DRYRUN is not permitted, so only trying tells what this user may do';
    return [scripts, warningFinding('permissions', 'unknown', means)];
  }
  const dryRun = async (command: readonly RedisArgument[]) =>
    String(await redis.call(key, 'acl', ['dryrun', user, ...command]));
  const missing = new Set<string>();
  for (const command of [...SENT(key), ...calledByScripts(key)]) {
    const answer = await dryRun(command);
    if (answer === 'OK' || isAboutKeys(answer)) continue;
    missing.add(command[0] === 'config' ? 'config|get' : String(command[0]));
  }
  let lacksKeys = false;
  for (const name of keysOf(queueName)) {
    lacksKeys ||= isAboutKeys(await dryRun(['eval', 'return 1', 1, name]));
  }
  const { epoch } = partitionKeys(queueName, 0);
  const lacksEpoch = isAboutKeys(await dryRun(['set', epoch, 'x', 'NX', 'GET']));
  // The grant for the other keys is one for this key, too.
  const epochs = lacksEpoch && !lacksKeys ? [epochFinding(user, queueName)] : [];
  if (missing.size === 0 && !lacksKeys) {
    const rest = epochs.length === 0 ? '' : ' else';
    return [
      scripts,
      ...epochs,
      fineFinding('permissions', `user ${user} may do all${rest} that is needed`),
    ];
  }
  const grants = [
    ...[...missing].map((name) => `+${name}`),
    ...(lacksKeys ? keyPatterns(queueName) : []),
  ].join(' ');
  const lacks = [
    ...(missing.size > 0 ? [`commands ${[...missing].join(', ')}`] : []),
    ...(lacksKeys ? ["the queue's keys"] : []),
  ].join(' and ');
  // Two commands that the queue can do without: it then knows less of the server.
  const isNeeded = [...missing].some((name) => !['config|get', 'role', 'info'].includes(name));
  const make = isNeeded || lacksKeys ? problemFinding : warningFinding;
  const means = 'what the queue does is refused';
  return [
    scripts,
    ...epochs,
    make('permissions', `user ${user} lacks ${lacks}`, means, `ACL SETUSER ${user} ${grants}`),
  ];
}

/** Each key that a partition has, its epoch apart; those of leases and batches by an example. */
function keysOf(queueName: string): readonly string[] {
  const { pending, leases, suspect, isolated, delayed, dead, counters, wakeup, lease, batch } =
    partitionKeys(queueName, 0);
  const lists = [pending, leases, suspect, isolated, delayed, dead, counters, wakeup];
  return [...lists, lease('0'), batch('0'), partitionsKey(queueName)];
}

/** As rules of an ACL. */
function keyPatterns(queueName: string): readonly string[] {
  return [`~${queueName}*`, `~{${queueName}*`];
}

/** The queue works without; see ServerInspection, which warns of the same. */
function epochFinding(user: string, queueName: string): Finding {
  return warningFinding(
    'epoch key',
    `user ${user} may not keep it`,
    'where Redis comes back without its data, nobody will notice',
    `ACL SETUSER ${user} ${keyPatterns(queueName).join(' ')}`,
  );
}

/** Whether the answer of a dry run is that the keys are not permitted, rather than the command. */
function isAboutKeys(answer: string): boolean {
  return / access the .* key/.test(answer);
}

/** Runs a script of the queue that reads only. */
async function scriptFinding(redis: RedisLink, queueName: string): Promise<Finding> {
  const { pending, leases, delayed, dead, counters } = partitionKeys(queueName, 0);
  try {
    await redis.run(redisScripts.stats, [pending, leases, delayed, dead, counters], []);
    return fineFinding('scripts', 'run');
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return problemFinding(
      'scripts',
      'refused',
      messageOf(error),
      'ACL SETUSER <user> +eval +evalsha',
    );
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && replyCode(error.cause) !== '';
}
