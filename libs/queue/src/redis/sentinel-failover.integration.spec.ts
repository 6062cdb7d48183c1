import { systemRandom } from '@event-pipeline/runtime';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import type { Queue } from '../queue';
import { parseRedisUrl } from '../redis-location';
import {
  batchOf,
  drainAll,
  event,
  events,
  expectConserved,
  put,
  startRedisSentinel,
  take,
  type WatchedRedis,
} from '../testing';
import { openRedisQueue } from './redis-queue';
import { untilAnswered } from './testing/redis-queue-under-test';

let redis: WatchedRedis;
let queue: Queue;
let sink: ReturnType<typeof createLogSink>;
const { signal } = new AbortController();

async function start(sentinels: number): Promise<void> {
  redis = await startRedisSentinel({ sentinels });
  sink = createLogSink();
  queue = await openRedisQueue(
    {
      location: parseRedisUrl(redis.url),
      name: 'q',
      limits: { maxEvents: 0, maxBytes: 0 },
      commandTimeoutMs: 1_000,
    },
    { random: systemRandom, logger: sink.logger },
  );
}

afterEach(async () => {
  await queue.close();
  await redis.stop();
});

/** The queue is used until it works on the new master. */
async function expectToWorkOnNewMaster(): Promise<void> {
  const batch = batchOf([event(4)]);
  await untilAnswered(() => queue.enqueue(0, [batch]));
  const master = await redis.master();
  // What the old one was given after it was replaced is lost with it.
  await untilAnswered(async () => {
    await queue.enqueue(0, [batch]);
    expect(await master.command('llen', 'q')).toBe(3);
  });
  expect(await drainAll(queue)).toEqual(events(2, 4));
  expectConserved(await queue.stats(0));
}

describe('behind Sentinels', () => {
  it('a crash of the master is followed without a restart, and logged as one outage', async () => {
    await start(3);
    await put(queue, events(1, 3));
    const lease = await take(queue, { maxEvents: 1 });
    await queue.waitForEvents(0, 1, signal);
    const old = await redis.master();
    await old.command('wait', 1, 0);
    await old.kill9();
    await expect(queue.stats(0)).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await untilAnswered(() => queue.settle(lease, []));
    await expectToWorkOnNewMaster();
    expect(sink.lines.map(({ msg }) => msg).filter((msg) => /reachable/.test(String(msg)))).toEqual(
      [
        expect.stringMatching(/^Redis at test-master of 127.* is not reachable; trying again/),
        'Redis is reachable again',
      ],
    );
  });

  it('a master that hangs is left for the one that replaces it', async () => {
    await start(1);
    await put(queue, events(1, 3));
    await queue.settle(await take(queue, { maxEvents: 1 }), []);
    const old = await redis.master();
    await old.command('wait', 1, 0);
    old.pause();
    try {
      await expect(queue.stats(0)).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
      await redis.untilMasterIsNot(old);
      await expectToWorkOnNewMaster();
    } finally {
      old.resume();
    }
  });

  it('a master that is replaced while it works is left at once', async () => {
    await start(3);
    await put(queue, events(1, 3));
    await queue.settle(await take(queue, { maxEvents: 1 }), []);
    const old = await redis.master();
    await old.command('wait', 1, 0);
    await redis.failover();
    await expectToWorkOnNewMaster();
    // Ten seconds would pass until the Sentinels make it a replica.
    expect(await old.command('role')).toEqual(expect.arrayContaining(['master']));
    await untilAnswered(async () =>
      expect(String(await old.command('client', 'list'))).not.toContain('name=q:commands'),
    );
    const other = queue.waitForEvents(0, 60_000, signal);
    await put(queue, [event(5)]);
    await other;
    expect(await drainAll(queue)).toEqual([event(5)]);
  });

  it('a Sentinel that is down, or was never there, does no harm', async () => {
    await start(1);
    const url = redis.url.replace('://', '://127.0.0.1:1,');
    const second = await openRedisQueue(
      { location: parseRedisUrl(url), name: 'q', limits: { maxEvents: 0, maxBytes: 0 } },
      { random: systemRandom, logger: sink.logger },
    );
    try {
      await put(second, [event(1)]);
    } finally {
      await second.close();
    }
  });

  it('a master that nobody knows is named', async () => {
    await start(1);
    const unknown = await openRedisQueue(
      {
        location: parseRedisUrl(redis.url.replace('/test-master', '/nobody')),
        name: 'q',
        limits: { maxEvents: 0, maxBytes: 0 },
        commandTimeoutMs: 1_000,
      },
      { random: systemRandom, logger: sink.logger },
    );
    try {
      await expect(unknown.stats(0)).rejects.toMatchObject({
        code: 'QUEUE_UNAVAILABLE',
        message: expect.stringMatching(/^Redis at nobody of 127/) as string,
      });
      expect(sink.lines.map(({ reason }) => reason)).toContainEqual(
        expect.stringMatching(/No such master with that name/),
      );
    } finally {
      await unknown.close();
    }
  });
});
