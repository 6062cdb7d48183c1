import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import {
  TEST_TLS,
  startRedisCluster,
  startRedisSentinel,
  startRedisServer,
  type RedisServer,
} from '../testing';

const root = join(__dirname, '../../../..');

let folder: string;
let program: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tls-client-'));
  program = join(folder, 'tls-client.js');
  await build({
    entryPoints: [join(__dirname, 'testing/tls-client.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    loader: { '.lua': 'text' },
    tsconfig: join(root, 'tsconfig.base.json'),
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The lines that the client says of this URL, trusting the CA of the tests or not. */
async function tryClient(url: string, trust: boolean): Promise<Record<string, unknown>[]> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, url], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: trust ? TEST_TLS.ca : '' },
    timeout: 25_000,
  });
  expect(stderr).toBe('');
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const topologies: readonly (readonly [string, () => Promise<Pick<RedisServer, 'url' | 'stop'>>])[] =
  [
    ['a server', () => startRedisServer({ tls: true, password: 'secret' })],
    ['a cluster', () => startRedisCluster({ nodes: 2, tls: true })],
    ['Sentinels', () => startRedisSentinel({ tls: true })],
  ];

describe.each(topologies)('over TLS, %s', (_, start) => {
  let redis: Pick<RedisServer, 'url' | 'stop'>;
  beforeAll(async () => {
    redis = await start();
  });
  afterAll(() => redis.stop());

  it('is used where NODE_EXTRA_CA_CERTS names the CA', async () => {
    expect(redis.url).toMatch(/^rediss/);
    expect(await tryClient(redis.url, true)).toEqual([
      expect.objectContaining({ durability: 'disk' }),
      expect.objectContaining({ msg: expect.stringMatching(/maxmemory 0/) as string }),
      { body: '{"n":1}', msg: 'received' },
    ]);
    const byName = redis.url.replaceAll('127.0.0.1', 'localhost');
    expect((await tryClient(byName, true)).at(-1)).toMatchObject({ msg: 'received' });
  });

  it('is refused where nobody trusts it, with one line that says so', async () => {
    const lines = await tryClient(redis.url, false);
    expect(lines).toEqual([
      {
        redis: expect.any(String) as string,
        reason: expect.stringMatching(/certificate.*NODE_EXTRA_CA_CERTS/) as string,
        msg: expect.stringMatching(/ is not reachable; trying again until it is$/) as string,
      },
      { code: 'QUEUE_UNAVAILABLE', msg: 'failed' },
    ]);
    expect(JSON.stringify(lines)).not.toContain('secret');
  });
});
