import {
  compareClocks,
  fineFinding,
  messageOf,
  problemFinding,
  warningFinding,
  type Clock,
  type Finding,
} from '@event-pipeline/runtime';
import { createLogger } from '@event-pipeline/telemetry';
import type { QueueConfig } from '../create-queue';
import { contentsOf, type ExaminationParts, type QueueExamination } from '../examine-queue';
import type { QueueHealth, QueueStats } from '../queue';
import { secretsOf, type RedisLocation } from '../redis-location';
import { AppendOnlyWatch } from './append-only-watch';
import { judgeRedis, worse } from './redis-durability';
import { replyCode } from './redis-errors';
import { readFacts } from './redis-facts';
import { partitionKeys, partitionsKey } from './redis-keys';
import type { RedisLink } from './redis-link';
import { openRedisLinks } from './redis-links';
import { permissionFindings } from './redis-permissions';
import { parsePartitioningReply, parseStatsReply } from './redis-replies';
import { redisScripts } from './redis-scripts';

/** Above this share of maxmemory there is little time left to do something. */
const NEARLY_FULL = 0.8;
const mib = (bytes: number) => `${Math.round(bytes / 1_048_576)} MiB`;

/** See {@link examineQueue}. Reads only: no key is written, not even the queue's epoch. */
export async function examineRedis(
  location: RedisLocation,
  config: QueueConfig,
  parts: ExaminationParts,
): Promise<QueueExamination> {
  const { queueName, redisCommandTimeoutMs: commandTimeoutMs } = config;
  let outage = '';
  // The link tells why it cannot connect in its log and nowhere else.
  const listening = createLogger({
    name: 'doctor',
    level: 'warn',
    format: 'json',
    destination: { write: (line) => void (outage ||= reasonIn(line)), flush: () => undefined },
  });
  const { commands: redis } = openRedisLinks(
    location,
    { name: 'doctor', commandTimeoutMs },
    listening,
  );
  const masked = (text: string) =>
    secretsOf(location).reduce((shown, secret) => shown.replaceAll(secret, '***'), text);
  try {
    await redis.settled(commandTimeoutMs);
    if (!redis.isReady) throw new Error(outage || 'it did not answer in time');
    const key = partitionKeys(queueName, 0).epoch;
    const counts = await partitionCount(redis, queueName);
    const keys = Array.from({ length: counts }, (_, at) => partitionKeys(queueName, at).epoch);
    const health = await worstHealth(redis, keys);
    const server = [
      fineFinding('reachable', 'yes'),
      ...(health.findings ?? []),
      ...(await permissionFindings(redis, key, queueName)),
      ...(await serverFindings(redis, key)),
      await clockFinding(redis, key, parts.clock),
    ];
    const contents = await contentFindings(redis, counts, config, parts);
    return { place: redis.place, server, health, contents };
  } catch (error) {
    const means = 'the queue cannot be used';
    const finding = problemFinding(
      'reachable',
      `no: ${masked(messageOf(error))}`,
      means,
      ...['start Redis, or name another one in QUEUE_URL (or REDIS_HOST and REDIS_PORT)'],
    );
    return { place: redis.place, server: [finding], health: undefined, contents: [] };
  } finally {
    redis.close();
  }
}

function reasonIn(line: string): string {
  try {
    const { reason } = JSON.parse(line) as { reason?: unknown };
    return typeof reason === 'string' ? reason : '';
  } catch {
    return '';
  }
}

/** 1 where it may not be read: the findings about permissions say so. */
async function partitionCount(redis: RedisLink, queueName: string): Promise<number> {
  try {
    const reply = await redis.run(redisScripts.partitioning, [partitionsKey(queueName)], [0]);
    return parsePartitioningReply(reply).count;
  } catch (error) {
    if (isRefusal(error)) return 1;
    throw error;
  }
}

async function worstHealth(redis: RedisLink, keys: readonly string[]): Promise<QueueHealth> {
  const looked = new Set<string>();
  let worst: QueueHealth | undefined;
  for (const key of keys) {
    const server = redis.serverOf(key);
    if (looked.has(server)) continue;
    looked.add(server);
    const facts = await readFacts(redis, key);
    const health = judgeRedis(facts, new AppendOnlyWatch().see(server, facts));
    const isWorse =
      worst === undefined || worse(health.durability, worst.durability) !== worst.durability;
    if (isWorse) worst = health;
  }
  return worst ?? { durability: 'unknown', detail: 'no server has the queue' };
}

async function clockFinding(redis: RedisLink, key: string, clock: Clock): Promise<Finding> {
  try {
    return await compareClocks(clock, () => timeOf(redis, key));
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return warningFinding('clock', 'unknown', 'TIME is not permitted');
  }
}

async function timeOf(redis: RedisLink, key: string): Promise<number> {
  const reply = await redis.call(key, 'time', []);
  const [seconds, micros] = Array.isArray(reply) ? reply.map(Number) : [];
  return (seconds ?? 0) * 1_000 + (micros ?? 0) / 1_000;
}

async function serverFindings(redis: RedisLink, key: string): Promise<readonly Finding[]> {
  let info: string;
  try {
    info = String(await redis.call(key, 'info', []));
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return [warningFinding('INFO', 'refused', 'memory and replicas cannot be looked at')];
  }
  const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
  return [
    memoryFinding(Number(field('used_memory') ?? 0), Number(field('maxmemory') ?? 0)),
    fineFinding('replicas', field('connected_slaves') ?? 'unknown'),
    field('aof_last_write_status') === 'err'
      ? problemFinding(
          'append-only file',
          'cannot be written',
          'Redis refuses every event',
          ...['make room on its disk'],
        )
      : fineFinding('append-only file', field('aof_enabled') === '1' ? 'written' : 'off'),
  ];
}

function memoryFinding(used: number, limit: number): Finding {
  if (limit === 0) return fineFinding('memory used', mib(used));
  const value = `${mib(used)} of ${mib(limit)}`;
  if (used < NEARLY_FULL * limit) return fineFinding('memory used', value);
  const means = 'at maxmemory events are refused; workers go on';
  return warningFinding(
    'memory used',
    value,
    means,
    'start more workers',
    ...['CONFIG SET maxmemory <more>'],
  );
}

async function contentFindings(
  redis: RedisLink,
  count: number,
  config: QueueConfig,
  parts: ExaminationParts,
): Promise<readonly Finding[]> {
  const stats: QueueStats[] = [];
  try {
    for (let partition = 0; partition < count; partition++) {
      const { pending, leases, delayed, dead, counters } = partitionKeys(
        config.queueName,
        partition,
      );
      const keys = [pending, leases, delayed, dead, counters];
      stats.push(parseStatsReply(await redis.run(redisScripts.stats, keys, [])));
    }
  } catch (error) {
    return [problemFinding('events', 'unknown', messageOf(error))];
  }
  return contentsOf(stats, config, parts);
}

/** Whether Redis answered, with a no. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && replyCode(error.cause) !== '';
}
