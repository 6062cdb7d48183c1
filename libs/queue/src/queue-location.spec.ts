import { loadConfig, defineConfig } from '@event-pipeline/runtime';
import fc from 'fast-check';
import { queueConfigFields } from './queue-config';
import { parseQueueUrl } from './queue-location';

describe('a queue URL', () => {
  it.each([
    ['embedded:./data', './data'],
    ['embedded:/var/lib/queue', '/var/lib/queue'],
    ['embedded:///var/lib/queue', '/var/lib/queue'],
  ])('%s names a folder', (url, path) => {
    expect(parseQueueUrl(url)).toEqual({ engine: 'embedded', path });
  });

  it('may name a Redis', () => {
    expect(parseQueueUrl('redis+cluster://host')).toMatchObject({ kind: 'cluster' });
  });
});

const config = defineConfig({ queueUrl: queueConfigFields.queueUrl });

/** What a user is told about a QUEUE_URL; empty where it is right. */
function complaint(url: string): string {
  try {
    loadConfig(config, { QUEUE_URL: url });
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

const server = 'redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]';
const sentinel = 'redis+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]/MASTER[/DATABASE]';
const cluster = 'redis+cluster://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]';

describe('a wrong queue URL gets one line that says what is wrong with it', () => {
  it.each([
    ['redis://', 'a host is missing', server],
    ['redis://:6379', 'a host is missing', server],
    ['redis://host:', 'a port is no number from 1 to 65535', server],
    ['redis://host:0', 'a port is no number from 1 to 65535', server],
    ['redis://host:65536', 'a port is no number from 1 to 65535', server],
    ['redis://ho st', 'a host has a character that no host name has', server],
    ['redis://::1', 'an IPv6 address must be written in brackets, as in [::1]:6379', server],
    ['redis://host/one', 'the database is no number', server],
    ['redis://host/1/2', 'there is more behind the database', server],
    ['redis://a,b', 'several hosts need redis+sentinel:// or redis+cluster://', server],
    ['redis://host#x', 'a # in it must be written as %23', server],
    ['rediss://', 'a host is missing', server.replace('redis', 'rediss')],
    ['redis+sentinel://a:1,b:2', 'the name of the master is missing', sentinel],
    ['redis+sentinel://a:1,/m', 'a host is missing', sentinel],
    ['redis+sentinel://a/m/x', 'the database is no number', sentinel],
    [
      'redis+sentinel://a/%zz',
      'the name of the master has a % that must be written as %25',
      sentinel,
    ],
    ['redis+cluster://a:1,b:x1', 'a port is no number from 1 to 65535', cluster],
    ['redis+cluster://a/1', 'a cluster has no database but 0', cluster],
    ['embedded:', 'it names no folder', 'embedded:FOLDER'],
  ])('%s: %s', (url, problem, form) => {
    const shown = url.replace(/:x1|::1$/, ':***');
    expect(complaint(url)).toBe(`QUEUE_URL is "${shown}": ${problem}; expected ${form}`);
  });

  it.each(['http://host', 'localhost:6379', 'redis:host', 'redis+kluster://host', 'host'])(
    '%s: it begins with no known scheme',
    (url) => {
      expect(complaint(url)).toMatch(
        /^QUEUE_URL is "[^"]+": it begins with no known scheme; expected redis:\/\/HOST:PORT, .*embedded:FOLDER$/,
      );
    },
  );

  it.each([
    ['redis://host?family=6', 'family'],
    ['redis+cluster://host?sentinelPassword=x', 'sentinelPassword'],
    ['redis+sentinel://host/m?sentinelPasswort=x', 'sentinelPasswort'],
  ])('%s: it has no parameter %j', (url, name) => {
    expect(complaint(url)).toContain(`: it has no parameter "${name}"; expected redis`);
  });

  it.each([
    ['redis://:hunt/er2@host', 'a / or ? in user or password must be written as %2F or %3F'],
    ['redis://:hunt?er2@host', 'a / or ? in user or password must be written as %2F or %3F'],
    ['redis://:pass?hunter2=%@host', 'a / or ? in user or password must be written as %2F or %3F'],
    ['redis://:hunt#er2@host', 'a # in it must be written as %23'],
    ['redis://:hunt%er2@host', 'the password has a % that must be written as %25'],
    ['redis://:hunter2@', 'a host is missing'],
    ['redis://user:hunter2', 'a port is no number from 1 to 65535'],
    ['redis://user:hunter2:host', 'an IPv6 address must be written in brackets'],
    ['user:hunter2@host', 'it begins with no known scheme'],
    ['http://user:hunter2@host', 'it begins with no known scheme'],
    ['redis+sentinel://a/m?sentinelPassword=hunter2&x=1', 'it has no parameter "x"'],
    ['redis+sentinel://a/m?sentinelPassword=hunt%er2', 'the parameter "sentinelPassword" has a %'],
    ['redis+sentinel://a/m?sentinelPassword=hunter2&sentinelPassword=hunter2', 'in it twice'],
  ])('%s: the password is not shown', (url, problem) => {
    const line = complaint(url);
    expect(line).toContain(problem);
    expect(line).not.toMatch(/er2|hunt/);
    expect(line).not.toContain('\n');
  });

  it('whatever stands around the password', () => {
    const part = fc.string({ unit: fc.constantFrom(...'a1:@/?#[],%=&. ') });
    fc.assert(
      fc.property(
        part,
        part,
        part,
        fc.constantFrom('redis', 'redis+sentinel'),
        (a, b, c, scheme) => {
          const line = complaint(`${scheme}://${a}:${b}hunter2@${c}`);
          expect(line).not.toContain('hunter2');
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
