import { fineFinding, problemFinding, warningFinding, type Finding } from '@event-pipeline/runtime';
import type { Durability, QueueHealth } from '../queue';
import type { RedisFacts } from './redis-facts';

/** What a check of one fact came to: the finding, and the most that durability can be with it. */
interface Check {
  readonly finding: Finding;
  readonly atMost: Durability;
}

/** From the best to what is worth least. */
const DURABILITIES: readonly Durability[] = ['disk', 'bounded-loss', 'unknown', 'memory'];

/** The one that is worth less. */
export function worse(one: Durability, other: Durability): Durability {
  return DURABILITIES.indexOf(one) >= DURABILITIES.indexOf(other) ? one : other;
}

/** Flags in scripts (`#!lua`), which every transition of the queue needs. */
const OLDEST_MAJOR = 7;

/**
 * What an acknowledgement is worth on a server, and what to change. What may not be read (CONFIG is
 * often forbidden) counts as unknown, never as durable.
 *
 * Source: Redis documentation, "Redis persistence": appendfsync always syncs before it replies,
 * everysec may lose what was acknowledged in the last second or two.
 *
 * @param fileIsWhole whether the append-only file is known to hold everything, see AppendOnlyWatch
 */
export function judgeRedis(facts: RedisFacts, fileIsWhole: boolean): QueueHealth {
  const checks = [
    versionCheck(facts),
    roleCheck(facts),
    ...settingChecks(facts),
    ...fileChecks(facts, fileIsWhole),
  ];
  return {
    durability: checks.map(({ atMost }) => atMost).reduce(worse),
    detail: detailOf(facts),
    findings: checks.map(({ finding }) => finding),
  };
}

function detailOf({ role, settings }: RedisFacts): string {
  if (role !== undefined && role !== 'master') return `the server is a ${role}, not a master`;
  if (settings === undefined) return 'CONFIG GET is not permitted';
  const detail = ['appendonly', 'appendfsync', 'maxmemory-policy']
    .map((name) => `${name} ${settings.get(name) ?? 'unknown'}`)
    .join(', ');
  return isEvicting(settings) ? `${detail}: eviction may delete the queue` : detail;
}

function isEvicting(settings: ReadonlyMap<string, string>): boolean {
  return settings.get('maxmemory-policy') !== 'noeviction';
}

function versionCheck({ version }: RedisFacts): Check {
  if (version === undefined) {
    return warning('version', 'unknown', 'INFO is not permitted, so nobody knows how old it is', [
      'ACL SETUSER <user> +info',
    ]);
  }
  if (Number.parseInt(version, 10) >= OLDEST_MAJOR) return fine('version', version);
  return problem('version', version, 'the scripts of the queue do not run on it', 'disk', [
    `install Redis ${OLDEST_MAJOR}.0 or newer`,
  ]);
}

function roleCheck({ role }: RedisFacts): Check {
  if (role === 'master') return fine('role', role);
  if (role === undefined) {
    const means = 'ROLE is not permitted, so it may be a replica';
    return problem('role', 'unknown', means, 'unknown', ['ACL SETUSER <user> +role']);
  }
  return problem('role', role, 'a replica takes no events, or forgets them', 'unknown', [
    'name the master in QUEUE_URL, or the Sentinels: redis+sentinel://host:26379/name',
  ]);
}

/** Beside the command: it is answered long before it is true. */
const FIRST_REWRITE = ', then wait until INFO persistence says aof_rewrite_in_progress:0';

function settingChecks({ settings }: RedisFacts): readonly Check[] {
  if (settings === undefined) {
    const means = 'CONFIG GET is not permitted, so durability cannot be checked';
    return [problem('CONFIG', 'refused', means, 'unknown', ['ACL SETUSER <user> +config|get'])];
  }
  const valueOf = (name: string) => settings.get(name) ?? 'unknown';
  const expected = (name: string, wanted: string, means: string, atMost: Durability) =>
    valueOf(name) === wanted
      ? fine(name, wanted)
      : problem(name, valueOf(name), means, settings.has(name) ? atMost : 'unknown', [
          `CONFIG SET ${name} ${wanted}${name === 'appendonly' ? FIRST_REWRITE : ''}`,
          `redis.conf: ${name} ${wanted}`,
        ]);
  return [
    expected('appendonly', 'yes', 'a restart of Redis loses the queue', 'memory'),
    expected(
      'appendfsync',
      'always',
      valueOf('appendfsync') === 'no'
        ? 'a crash or a power cut loses what was acknowledged in the last half minute'
        : 'a crash or a power cut loses what was acknowledged in the last seconds',
      'bounded-loss',
    ),
    expected(
      'no-appendfsync-on-rewrite',
      'no',
      'nothing is flushed to disk while Redis rewrites its file',
      'bounded-loss',
    ),
    expected('maxmemory-policy', 'noeviction', 'eviction may delete the queue', 'memory'),
    memoryCheck(valueOf('maxmemory')),
  ];
}

/** What INFO says of the file; nothing where role or settings say already that it does not count. */
function fileChecks(facts: RedisFacts, isWhole: boolean): readonly Check[] {
  const { role, settings, appendOnlyFile: file } = facts;
  if (role !== 'master' || settings?.get('appendonly') !== 'yes') return [];
  const name = 'append-only rewrite';
  if (file === undefined) {
    const means = 'INFO is not permitted, so nobody knows whether the append-only file is whole';
    return [problem(name, 'unknown', means, 'unknown', ['ACL SETUSER <user> +info'])];
  }
  if (!file.enabled) {
    const means = 'the append-only file is not written: a restart of Redis loses the queue';
    return [problem(name, 'off', means, 'memory', ['CONFIG SET appendonly yes'])];
  }
  if (isWhole) return [fine(name, file.isRewriting ? 'under way' : 'none')];
  const wait = 'wait until INFO persistence says aof_rewrite_in_progress:0';
  return [
    problem(
      name,
      file.hasFailed ? 'failed, tried again' : 'under way',
      'until the first one has ended, a crash of Redis loses the queue',
      'memory',
      file.hasFailed ? ['see in the log of Redis why it failed (often: disk full)', wait] : [wait],
    ),
  ];
}

function memoryCheck(maxmemory: string): Check {
  if (maxmemory !== '0') return fine('maxmemory', maxmemory);
  const means = 'no limit: where the machine runs out of memory, its kernel kills Redis';
  return warning('maxmemory', maxmemory, means, [
    'CONFIG SET maxmemory <bytes, at most half of the memory of the machine>',
    'redis.conf: maxmemory <the same>',
  ]);
}

function fine(setting: string, value: string): Check {
  return { finding: fineFinding(setting, value), atMost: 'disk' };
}

function warning(
  setting: string,
  value: string,
  meaning: string,
  change: readonly string[],
): Check {
  return { finding: warningFinding(setting, value, meaning, ...change), atMost: 'disk' };
}

function problem(
  setting: string,
  value: string,
  meaning: string,
  atMost: Durability,
  change: readonly string[],
): Check {
  return { finding: problemFinding(setting, value, meaning, ...change), atMost };
}
