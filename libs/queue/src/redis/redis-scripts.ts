import { createHash } from 'node:crypto';
import adoptLease from './scripts/adopt-lease.lua';
import concludePartitions from './scripts/conclude-partitions.lua';
import deadLetterEntries from './scripts/dead-letter-entries.lua';
import element from './scripts/element.lua';
import enqueue from './scripts/enqueue.lua';
import expiredLeases from './scripts/expired-leases.lua';
import extend from './scripts/extend.lua';
import giveBack from './scripts/give-back.lua';
import listDead from './scripts/list-dead.lua';
import partitionGate from './scripts/partition-gate.lua';
import partitioning from './scripts/partitioning.lua';
import proposePartitions from './scripts/propose-partitions.lua';
import purge from './scripts/purge.lua';
import receive from './scripts/receive.lua';
import reclaim from './scripts/reclaim.lua';
import redrive from './scripts/redrive.lua';
import release from './scripts/release.lua';
import remembers from './scripts/remembers.lua';
import settle from './scripts/settle.lua';
import stats from './scripts/stats.lua';
import takeQuota from './scripts/take-quota.lua';

/** A Lua script as it is sent: its text, and the digest by which Redis knows it again. */
export interface RedisScript {
  readonly name: string;
  readonly source: string;
  readonly sha: string;
  /** Whether its texts are replied as Buffers: those of a packed reply are no UTF-8. */
  readonly repliesBytes: boolean;
}

/**
 * `allow-oom` lets workers drain a Redis that is at maxmemory; enqueue has no such flag and is
 * refused there before it writes anything.
 */
function script(name: string, flags: string, ...parts: readonly string[]): RedisScript {
  const source = [`#!lua${flags}`, element, ...parts].join('\n');
  const sha = createHash('sha1').update(source).digest('hex');
  return { name, source, sha, repliesBytes: false };
}

const DRAIN = ' flags=allow-oom';
const READ = ' flags=no-writes';

export const redisScripts = {
  enqueue: script('enqueue', '', enqueue),
  receive: { ...script('receive', DRAIN, receive), repliesBytes: true },
  settle: script('settle', DRAIN, giveBack, settle),
  extend: script('extend', DRAIN, extend),
  release: script('release', DRAIN, giveBack, release),
  expiredLeases: script('expired-leases', READ, expiredLeases),
  adoptLease: script('adopt-lease', DRAIN, adoptLease),
  reclaim: script('reclaim', DRAIN, reclaim),
  listDead: script('list-dead', READ, deadLetterEntries, listDead),
  redrive: script('redrive', DRAIN, deadLetterEntries, redrive),
  purge: script('purge', DRAIN, deadLetterEntries, purge),
  stats: script('stats', READ, stats),
  remembers: script('remembers', READ, remembers),
  takeQuota: script('take-quota', '', takeQuota),
  partitioning: script('partitioning', READ, partitioning),
  proposePartitions: script('propose-partitions', DRAIN, proposePartitions),
  partitionGate: script('partition-gate', DRAIN, partitionGate),
  concludePartitions: script('conclude-partitions', DRAIN, concludePartitions),
} as const;
