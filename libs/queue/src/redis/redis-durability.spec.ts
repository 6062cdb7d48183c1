import { changesFor } from '../guarantee';
import { AppendOnlyWatch } from './append-only-watch';
import { judgeRedis as judge } from './redis-durability';
import type { RedisFacts } from './redis-facts';

const AS_SHIPPED = {
  appendonly: 'yes',
  appendfsync: 'always',
  'no-appendfsync-on-rewrite': 'no',
  'maxmemory-policy': 'noeviction',
  maxmemory: '1073741824',
};

const judgeRedis = (given: RedisFacts) => judge(given, new AppendOnlyWatch().see('s', given));

function facts(
  settings: Readonly<Record<string, string>> | 'forbidden' = {},
  more: Partial<RedisFacts> = {},
): RedisFacts {
  const known = new Map(Object.entries({ ...AS_SHIPPED, ...(settings as object) }));
  return {
    version: '7.0.15',
    role: 'master',
    runId: 'r1',
    appendOnlyFile: { enabled: true, isRewriting: false, hasFailed: false },
    settings: settings === 'forbidden' ? undefined : known,
    ...more,
  };
}

const badOnes = (given: RedisFacts) =>
  (judgeRedis(given).findings ?? [])
    .filter(({ level }) => level !== 'ok')
    .map(({ setting, level }) => `${setting}: ${level}`);

describe('what an acknowledgement is worth on a Redis', () => {
  it('is on disk with the settings as shipped, and there is nothing to change', () => {
    expect(judgeRedis(facts()).durability).toBe('disk');
    expect(badOnes(facts())).toEqual([]);
    expect(changesFor(judgeRedis(facts()))).toBe('');
  });

  it.each([
    [{ appendonly: 'no' }, 'memory'],
    [{ appendfsync: 'everysec' }, 'bounded-loss'],
    [{ appendfsync: 'no' }, 'bounded-loss'],
    [{ 'no-appendfsync-on-rewrite': 'yes' }, 'bounded-loss'],
    [{ 'maxmemory-policy': 'allkeys-lru' }, 'memory'],
    // Its keys have no expiry, but the ids of batches do.
    [{ 'maxmemory-policy': 'volatile-ttl' }, 'memory'],
  ] as const)(
    '%j is worth %s, and the finding has the command that puts it right',
    (bad, worth) => {
      const health = judgeRedis(facts(bad));
      const [[name, value] = []] = Object.entries(bad);
      expect(health.durability).toBe(worth);
      expect(badOnes(facts(bad))).toEqual([`${name}: problem`]);
      const wanted = AS_SHIPPED[name as keyof typeof AS_SHIPPED];
      expect(changesFor(health)).toMatch(`${name} is ${value} (`);
      expect(changesFor(health)).toMatch(`CONFIG SET ${name} ${wanted}`);
      expect(health.findings?.flatMap(({ change }) => change)).toContain(
        `redis.conf: ${name} ${wanted}`,
      );
    },
  );

  it.each([
    ['CONFIG is forbidden', facts('forbidden'), 'CONFIG: problem'],
    ['a replica', facts({}, { role: 'slave' }), 'role: problem'],
    ['a role that may not be read', facts({}, { role: undefined }), 'role: problem'],
  ])('%s: never taken for durable', (_, given, finding) => {
    expect(judgeRedis(given).durability).toBe('unknown');
    expect(badOnes(given)).toEqual([finding]);
  });

  it('a setting that the server does not tell is unknown', () => {
    const settings = new Map(Object.entries(AS_SHIPPED));
    settings.delete('appendfsync');
    expect(judgeRedis({ ...facts(), settings }).durability).toBe('unknown');
  });

  it('warns of what ends the server, which does not make it less durable', () => {
    const given = facts({ maxmemory: '0' });
    expect(judgeRedis(given).durability).toBe('disk');
    expect(badOnes(given)).toEqual(['maxmemory: warning']);
  });

  it('names a server that is too old for the scripts', () => {
    expect(badOnes(facts({}, { version: '6.2.14' }))).toEqual(['version: problem']);
    expect(badOnes(facts({}, { version: '10.0.0' }))).toEqual([]);
    expect(badOnes(facts({}, { version: undefined }))).toEqual(['version: warning']);
  });
});

describe('the append-only file', () => {
  const rewriting = { enabled: true, isRewriting: true, hasFailed: false };
  const whole = { ...rewriting, isRewriting: false };

  it('that nobody has seen whole is worth nothing while it is rewritten, and the change is to wait', () => {
    const health = judgeRedis(facts({}, { appendOnlyFile: rewriting }));
    expect(health.durability).toBe('memory');
    expect(changesFor(health)).toMatch('wait until INFO persistence');
    const failed = facts({}, { appendOnlyFile: { ...rewriting, hasFailed: true } });
    expect(judgeRedis(failed).durability).toBe('memory');
    expect(changesFor(judgeRedis(failed))).toMatch('see in the log of Redis');
  });

  it('that may not be asked about is never taken for durable', () => {
    expect(judgeRedis(facts({}, { appendOnlyFile: undefined })).durability).toBe('unknown');
  });

  it('stays whole through later rewrites of the same process, and of no other', () => {
    const watch = new AppendOnlyWatch();
    const see = (more: Partial<RedisFacts>) => watch.see('s', facts({}, more));
    expect(see({ appendOnlyFile: whole })).toBe(true);
    expect(see({ appendOnlyFile: rewriting })).toBe(true);
    expect(see({ appendOnlyFile: rewriting, runId: 'r2' })).toBe(false);
    expect(see({ appendOnlyFile: whole, runId: 'r2' })).toBe(true);
    expect(see({ appendOnlyFile: { ...whole, enabled: false }, runId: 'r2' })).toBe(false);
    expect(see({ appendOnlyFile: rewriting, runId: 'r2' })).toBe(false);
  });

  it('of a replica is never taken for whole: it begins a new one when it synchronises', () => {
    const watch = new AppendOnlyWatch();
    watch.see('s', facts({}, { role: 'slave' }));
    expect(watch.see('s', facts({}, { appendOnlyFile: rewriting }))).toBe(false);
  });
});
