import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createQueue } from '@event-pipeline/queue/create';
import { freePort, startRedisServer, type RedisServer } from '@event-pipeline/queue/testing';
import { loadConfig, systemClock, systemRandom, type Finding } from '@event-pipeline/runtime';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { doctorConfig } from './doctor-config';
import type { Section } from './run-checks';
import { runDoctor } from './run-doctor';

interface Report {
  readonly code: number;
  readonly text: string;
  /** Those that are not all right, as "setting: level". */
  readonly bad: readonly string[];
  readonly findings: readonly Finding[];
}

let ports: Record<string, string>;

beforeAll(async () => {
  ports = {
    COLLECTOR_PORT: String(await freePort()),
    COLLECTOR_HTTP_PORT: String(await freePort()),
    WORKER_HTTP_PORT: String(await freePort()),
    REDIS_COMMAND_TIMEOUT_MS: '500',
  };
});

async function printed(env: Record<string, string>, ...args: string[]) {
  let text = '';
  const code = await runDoctor({
    args,
    env: { ...ports, ...env },
    command: 'node main.js',
    clock: systemClock,
    random: systemRandom,
    write: (_, part) => {
      text += part;
      return Promise.resolve();
    },
  });
  return { code, text };
}

async function examined(env: Record<string, string>): Promise<Report> {
  const { code, text } = await printed(env, '--json');
  const { sections } = JSON.parse(text) as { sections: readonly Section[] };
  const findings = sections.flatMap((section) => section.findings);
  const bad = findings
    .filter(({ level }) => level !== 'ok')
    .map(({ setting, level }) => `${setting}: ${level}`);
  return { code, text, bad, findings };
}

describe('the doctor, on a Redis', () => {
  let redis: RedisServer;

  beforeEach(async () => {
    redis = await startRedisServer({
      password: 'a-secret',
      args: ['--maxmemory', '1gb', '--maxmemory-policy', 'noeviction'],
    });
  });

  afterEach(() => redis.stop());

  it('finds nothing wrong with one that is as shipped, and writes nothing to it', async () => {
    const { code, bad, findings } = await examined({ QUEUE_URL: redis.url });
    expect(bad).toEqual([]);
    expect(code).toBe(0);
    expect(findings.map(({ setting }) => setting)).toEqual(
      expect.arrayContaining(['version', 'role', 'appendfsync', 'durability', 'clock', 'replicas']),
    );
    expect(await redis.command('dbsize')).toBe(0);
  });

  it.each([
    [['appendfsync', 'everysec'], 'CONFIG SET appendfsync always'],
    [['maxmemory-policy', 'allkeys-lru'], 'CONFIG SET maxmemory-policy noeviction'],
    [['appendonly', 'no'], 'CONFIG SET appendonly yes'],
  ])('%j is a problem, with the command that ends it', async (setting, command) => {
    await redis.command('config', 'set', ...setting);
    const { code, bad, findings } = await examined({ QUEUE_URL: redis.url });
    expect(code).toBe(1);
    expect(bad).toEqual([`${setting[0]}: problem`, 'durability: problem']);
    const changes = findings.flatMap(({ change }) => change ?? []);
    expect(changes.filter((change) => change.startsWith(command))).toHaveLength(1);
  });

  it('without a memory limit there is a warning, which is no failure', async () => {
    await redis.command('config', 'set', 'maxmemory', '0');
    expect(await examined({ QUEUE_URL: redis.url })).toMatchObject({
      code: 0,
      bad: ['maxmemory: warning'],
    });
  });

  it('a replica is told from a master', async () => {
    const replica = await startRedisServer({
      password: 'a-secret',
      args: ['--replicaof', '127.0.0.1', String(redis.port), '--maxmemory', '1gb'],
    });
    try {
      const { code, bad } = await examined({ QUEUE_URL: replica.url });
      expect(code).toBe(1);
      expect(bad).toContain('role: problem');
    } finally {
      await replica.stop();
    }
  });

  it('says which commands an ACL withholds, and how to grant them', async () => {
    const rules = ['on', '>pw', '~*', '+@all', '-blpop', '-xadd'];
    await redis.command('acl', 'setuser', 'limited', ...rules);
    const url = redis.url.replace(':a-secret@', 'limited:pw@');
    const { code, findings } = await examined({ QUEUE_URL: url });
    expect(code).toBe(1);
    expect(findings.find(({ setting }) => setting === 'permissions')).toMatchObject({
      level: 'problem',
      value: 'user limited lacks commands blpop, xadd',
      change: ['ACL SETUSER limited +blpop +xadd'],
    });
  });

  it('says that an ACL withholds the key that tells a server which lost its data', async () => {
    const keys = ['~event_queue', '~{event_queue}:[a-df-z]*', '%R~{event_queue}:epoch'];
    await redis.command('acl', 'setuser', 'blind', 'on', '>pw', '+@all', ...keys);
    const url = redis.url.replace(':a-secret@', 'blind:pw@');
    const { code, bad, findings } = await examined({ QUEUE_URL: url });
    expect(bad).toEqual(['epoch key: warning']);
    expect(code).toBe(0);
    const [change = ''] = findings.find(({ setting }) => setting === 'epoch key')!.change;
    await redis.command(...change.split(' '));
    expect((await examined({ QUEUE_URL: url })).bad).toEqual([]);
  });

  it.each(['~event_queue', '~{event_queue}:*', '~{event_queue}:[a-km-z]*'])(
    'says that a user who may use %s alone lacks keys, and how to grant them',
    async (pattern) => {
      await redis.command('acl', 'setuser', 'few', 'reset', 'on', '>pw', '+@all', pattern);
      const url = redis.url.replace(':a-secret@', 'few:pw@');
      const { code, bad, findings } = await examined({ QUEUE_URL: url });
      expect(code).toBe(1);
      expect(bad).toContain('permissions: problem');
      const permissions = findings.find(({ setting }) => setting === 'permissions')!;
      expect(permissions.value).toBe("user few lacks the queue's keys");
      await redis.command(...permissions.change[0]!.split(' '));
      expect((await examined({ QUEUE_URL: url })).bad).toEqual([]);
    },
  );

  it('a user without scripts, settings and dry runs gets as far as it may', async () => {
    const rules = ['on', '>pw', '~*', '+@read', '+ping'];
    await redis.command('acl', 'setuser', 'reader', ...rules);
    const url = redis.url.replace(':a-secret@', 'reader:pw@');
    const { code, bad } = await examined({ QUEUE_URL: url });
    expect(code).toBe(1);
    expect(bad).toEqual(
      expect.arrayContaining(['CONFIG: problem', 'scripts: problem', 'permissions: warning']),
    );
  });

  it('shows no secret, whatever goes wrong', async () => {
    const wrong = redis.url.replace('a-secret', 'a-wrong-one');
    for (const url of [redis.url, wrong]) {
      const { text } = await examined({ QUEUE_URL: url });
      expect(text).not.toMatch(/a-secret|a-wrong-one/);
    }
    expect((await examined({ QUEUE_URL: wrong })).bad).toEqual(['reachable: problem']);
  });

  it('a server that stands still is out of reach, and the other checks are done', async () => {
    redis.pause();
    try {
      const { code, bad, findings } = await examined({ QUEUE_URL: redis.url });
      expect(code).toBe(1);
      expect(bad).toEqual(['reachable: problem']);
      expect(findings.map(({ setting }) => setting)).toContain('Node.js');
    } finally {
      redis.resume();
    }
  });
});

describe('the doctor', () => {
  it('says that nothing answers on a wrong port', async () => {
    const env = { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(await freePort()) };
    const { code, bad, text } = await examined(env);
    expect(code).toBe(1);
    expect(bad).toEqual(['reachable: problem']);
    expect(text).toContain('ECONNREFUSED');
  });

  it('names everything that is wrong with the configuration: exit code 2', async () => {
    const { code, text } = await printed({ QUEUE_URL: 'nothing://', STORE_URL: 'nothing://' });
    expect(code).toBe(2);
    expect(text).toContain('QUEUE_URL');
    expect(text).toContain('STORE_URL');
    expect((await printed({}, '--jsonn')).code).toBe(2);
  });

  it('names the queues of a folder that has not the one asked for, and makes none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'doctor-'));
    try {
      const queue = await createQueue(
        loadConfig(doctorConfig, { QUEUE_URL: `embedded:${folder}`, QUEUE_NAME: 'orders' }),
        { clock: systemClock, random: systemRandom, logger: createLogSink().logger },
      );
      await queue.close();
      const env = { QUEUE_URL: `embedded:${folder}`, QUEUE_NAME: 'oders', STORE_URL: 'none' };
      for (let look = 0; look < 2; look++) {
        const { bad, text } = await examined(env);
        expect(bad).toContain('queue: warning');
        expect(text).toContain('there is orders');
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('makes no folder for an embedded queue or store that is not there yet', async () => {
    const scratch = await mkdtemp(join(tmpdir(), 'doctor-'));
    const path = join(scratch, 'queue');
    try {
      const env = { QUEUE_URL: `embedded:${path}`, STORE_URL: `embedded:${path}` };
      expect(await examined(env)).toMatchObject({
        code: 0,
        bad: ['folder: warning', 'folder: warning'],
      });
    } finally {
      await rm(scratch, { recursive: true });
    }
  });

  it('says that a folder cannot be made, and starts nothing that would try', async () => {
    const env = { QUEUE_URL: `embedded:${__filename}/queue`, STORE_URL: `embedded:${__filename}` };
    const { code, bad, findings } = await examined(env);
    expect(code).toBe(1);
    expect(bad).toEqual(['folder: problem', 'folder: problem']);
    expect(findings.filter(({ setting }) => setting === 'folder')).toMatchObject([
      {
        value: `cannot be made: "${__filename}" is no folder`,
        meaning: 'neither collector nor worker starts',
        change: [expect.stringContaining('QUEUE_URL=embedded:./data')],
      },
      {
        value: 'there, but is no folder',
        meaning: 'a worker does not start',
        change: [expect.stringContaining('STORE_URL=embedded:./data')],
      },
    ]);
  });

  it('tells a port of ours from one that a stranger has taken', async () => {
    const stranger = createServer((socket) => socket.end('hello\r\n')).listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    const { port } = stranger.address() as { port: number };
    try {
      const { findings } = await examined({
        QUEUE_URL: 'embedded:/nowhere/at-all',
        WORKER_HTTP_PORT: String(port),
        COLLECTOR_PORT: String(port),
      });
      expect(findings.find(({ setting }) => setting === `gRPC port ${port}`)).toMatchObject({
        level: 'warning',
        value: 'taken by another program',
      });
      expect(findings.find(({ setting }) => setting === `HTTP port ${port}`)).toMatchObject({
        level: 'warning',
        value: 'taken by another program',
      });
    } finally {
      stranger.close();
    }
  });

  it('prints a line for each finding, for a person', async () => {
    const env = { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(await freePort()) };
    const { text } = await printed(env);
    expect(text).toMatch(/^This machine\n {2}ok {6}Node\.js: \d+/);
    expect(text).toMatch(/\n {2}PROBLEM reachable: no: [^]*?\n {14}start Redis, or name another/);
    expect(text).toMatch(/\n1 problem, 0 warnings\.\n$/);
  });
});
