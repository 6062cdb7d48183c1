import {
  expectConserved,
  startRedisCluster,
  startRedisSentinel,
  startRedisServer,
} from '@event-pipeline/queue/testing';
import { bury, openQueue } from './testing/queue-folder';
import { runCommand } from './testing/run-command';

/** Each kind of Redis that QUEUE_URL can name. */
const KINDS = [
  ['one server', () => startRedisServer()],
  ['Sentinel', () => startRedisSentinel()],
  ['a Cluster', () => startRedisCluster({ nodes: 3 })],
] as const;

describe.each(KINDS)('the queue command on %s', (_, start) => {
  it('counts, lists, shows, redrives and purges, over all partitions', async () => {
    const redis = await start();
    const { url } = redis;
    const queue = await openQueue(url);
    try {
      await queue.resize(3);
      const deaths = Array.from({ length: 1_500 }, (_, n) => {
        return { partition: n % 3, type: n % 2 === 0 ? 'even' : 'odd' };
      });
      await bury(queue, deaths);
      const run = async (line: string) => {
        const { code, stdout, stderr } = await runCommand(line.split(' '), { url });
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        return stdout
          .split('\n')
          .filter(Boolean)
          .map((text) => JSON.parse(text) as unknown);
      };

      expect(await run('depth --json')).toMatchObject([
        { total: { enqueued: 1_500, dead: 1_500 } },
      ]);
      const letters = (await run('dead list --json')) as { id: string; diedAt: string }[];
      expect(new Set(letters.map(({ id }) => id)).size).toBe(1_500);
      for (const part of [letters.slice(0, 500), letters.slice(500, 1_000)]) {
        expect(part.map(({ diedAt }) => diedAt)).toEqual(part.map(({ diedAt }) => diedAt).sort());
      }
      const [first] = letters;
      expect(await run(`dead show ${first?.id ?? ''} --json`)).toEqual([first]);
      expect(await run('dead redrive --type even --json')).toMatchObject([
        { looked: 1_500, moved: 750, gone: 0, complete: true },
      ]);
      expect(await run('dead purge --partition 1 --json')).toMatchObject([{ moved: 250 }]);
      expect(await run('dead purge --yes --json')).toMatchObject([{ moved: 500 }]);
      expect(await run('depth --json')).toMatchObject([
        { total: { enqueued: 1_500, pending: 750, dead: 0, purged: 750 } },
      ]);
      for (let partition = 0; partition < 3; partition++) {
        expectConserved(await queue.stats(partition));
      }
    } finally {
      await queue.close();
      await redis.stop();
    }
  }, 90_000);
});

describe('a queue that there is not', () => {
  it('is refused, those that there are, are named, and nothing is written', async () => {
    const redis = await startRedisServer();
    const { url } = redis;
    const keys = async () => [await redis.command('keys', '*')].flat().map(String).sort();
    const depthOf = (QUEUE_NAME: string) => runCommand(['depth'], { url, env: { QUEUE_NAME } });
    try {
      const none = await depthOf('orders');
      expect(none.stderr).toMatch(/no queue "orders" in Redis at .*, and no other; one is made /);
      expect(none.code).toBe(2);
      expect(await keys()).toEqual([]);

      // Collectors that have started, and nothing sent yet: their queues are there, and empty.
      for (const name of ['orders', 'bills']) {
        const queue = await openQueue(url, name);
        await queue.resize(3);
        await queue.close();
      }
      expect(await depthOf('orders')).toMatchObject({ code: 0, stderr: '' });
      const before = await keys();
      const misspelt = await depthOf('oders');
      expect(misspelt.code).toBe(2);
      expect(misspelt.stderr).toMatch(/no queue "oders" in Redis at .*; there are bills, orders\n/);
      expect(await keys()).toEqual(before);
    } finally {
      await redis.stop();
    }
  }, 60_000);
});

describe('a dead letter that is no event', () => {
  it('is left by a redrive, which moves the others and says which it left: exit code 1', async () => {
    const redis = await startRedisServer();
    const { url } = redis;
    const queue = await openQueue(url);
    try {
      await bury(queue, [{}]);
      const garbage = ['body', 'no event', 'reason', 'undecodable', 'error', 'no JSON'];
      const id = `0/${String(await redis.command('xadd', '{event_queue}:dead', '*', ...garbage))}`;
      await bury(queue, [{}]);
      const { code, stdout, stderr } = await runCommand(['dead', 'redrive', '--yes'], { url });
      expect(code).toBe(1);
      expect(stdout).toMatch(/^2 dead letters put back into the queue, of 3 looked at$/m);
      expect(stdout).toMatch(/^ {2}left where they are, being no events: 1$/m);
      expect(stderr).toContain(`do not begin with "{": ${id}\n`);
      expect(stderr).not.toContain('--help');
      expect(await queue.stats(0)).toMatchObject({ dead: 1, pending: 2 });

      const again = await runCommand(['dead', 'redrive', '--yes', '--json'], { url });
      expect(again.code).toBe(1);
      expect(JSON.parse(again.stdout)).toMatchObject({ moved: 0, gone: 0, refused: 1 });
      const purge = await runCommand(['dead', 'purge', '--id', id, '--json'], { url });
      expect(purge.code).toBe(0);
      expect(JSON.parse(purge.stdout)).toMatchObject({ moved: 1, refused: 0 });
    } finally {
      await queue.close();
      await redis.stop();
    }
  }, 60_000);
});
