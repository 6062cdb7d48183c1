import { systemRandom } from '@event-pipeline/runtime';
import { createLogSink, type LogSink } from '@event-pipeline/telemetry/testing';
import type { Queue } from '../queue';
import { parseRedisUrl } from '../redis-location';
import {
  event,
  put,
  startRedisSentinel,
  startRedisServer,
  take,
  type RedisServer,
} from '../testing';
import { openRedisQueue } from './redis-queue';
import { untilAnswered } from './testing/redis-queue-under-test';

const NOT_DURABLE = { code: 'QUEUE_NOT_DURABLE' };

async function open(url: string, sink: LogSink, more: { strict?: boolean } = {}): Promise<Queue> {
  return openRedisQueue(
    {
      location: parseRedisUrl(url),
      name: 'q',
      limits: { maxEvents: 0, maxBytes: 0 },
      commandTimeoutMs: 1_000,
      strict: true,
      ...more,
    },
    { random: systemRandom, logger: sink.logger },
  );
}

/** The first answer that is not about a lost connection. */
async function firstVerdict(queue: Queue): Promise<string> {
  return untilAnswered(async () => {
    try {
      await put(queue, [event(9)]);
      return 'queued';
    } catch (error) {
      const { code } = error as { code: string };
      if (code === 'QUEUE_UNAVAILABLE') throw error;
      return code;
    }
  });
}

describe('a queue that has to be durable', () => {
  let server: RedisServer;
  let sink: LogSink;
  let queue: Queue;

  beforeEach(async () => {
    server = await startRedisServer();
    sink = createLogSink();
  });

  afterEach(async () => {
    await queue.close();
    await server.stop();
  });

  it('takes events on a durable server, and says that they are on disk', async () => {
    queue = await open(server.url, sink);
    await put(queue, [event(1)]);
    expect(sink.messages).toContain('acknowledged events are on disk');
  });

  it.each([
    ['everysec', ['appendfsync', 'everysec']],
    ['eviction', ['maxmemory-policy', 'allkeys-lru']],
    ['no file', ['appendonly', 'no']],
  ])('refuses them below that (%s), queues nothing, and names the change', async (_, setting) => {
    await server.command('config', 'set', ...setting);
    queue = await open(server.url, sink);
    await expect(put(queue, [event(1)])).rejects.toMatchObject(NOT_DURABLE);
    expect(await server.command('exists', 'q')).toBe(0);
    const lines = sink.lines.filter(({ level }) => level === 'error');
    expect(lines.map(({ msg }) => msg)).toEqual([
      expect.stringMatching(`^events are refused .*: CONFIG SET ${setting[0]} `),
    ]);
  });

  it('refuses them where the settings cannot be read', async () => {
    await server.command('acl', 'setuser', 'default', '-config');
    queue = await open(server.url, sink);
    await expect(put(queue, [event(1)])).rejects.toMatchObject(NOT_DURABLE);
  });

  it('takes them again by itself when the setting is right, and workers were never stopped', async () => {
    const earlier = await open(server.url, createLogSink(), { strict: false });
    await put(earlier, [event(1)]);
    await earlier.close();
    await server.command('config', 'set', 'appendfsync', 'everysec');
    queue = await open(server.url, sink);
    await expect(put(queue, [event(2)])).rejects.toMatchObject(NOT_DURABLE);
    await queue.settle(await take(queue, { maxEvents: 1 }), []);
    await server.command('config', 'set', 'appendfsync', 'always');
    await untilAnswered(() => put(queue, [event(2)]));
    expect(sink.messages).toContain('acknowledged events are on disk');
  });

  it('a server that comes back with other settings gets no event before it was looked at', async () => {
    queue = await open(server.url, sink);
    await put(queue, [event(1)]);
    await server.restart({ args: ['--appendfsync', 'everysec'] });
    expect(await firstVerdict(queue)).toBe('QUEUE_NOT_DURABLE');
    expect(await server.command('llen', 'q')).toBe(1);
  });

  it('a setting that changes under the connection is noticed', async () => {
    queue = await open(server.url, sink);
    await server.command('config', 'set', 'appendfsync', 'everysec');
    await untilNoticed(async () => (await queue.health()).durability === 'bounded-loss');
    await expect(put(queue, [event(1)])).rejects.toMatchObject(NOT_DURABLE);
  });
});

it('after a failover to a replica that is less durable, no event is acknowledged', async () => {
  const redis = await startRedisSentinel({
    replicaArgs: ['--appendfsync', 'everysec'],
  });
  const queue = await open(redis.url, createLogSink());
  try {
    await put(queue, [event(1)]);
    const old = await redis.master();
    await old.command('wait', 1, 0);
    await old.kill9();
    expect(await firstVerdict(queue)).toBe('QUEUE_NOT_DURABLE');
  } finally {
    await queue.close();
    await redis.stop();
  }
});

describe('an append-only file that is switched on at run time', () => {
  let server: RedisServer;

  beforeEach(async () => {
    server = await startRedisServer({ args: ['--appendonly', 'no'] });
    await makeRewritesSlow();
  });
  afterEach(() => server.stop());

  /** One takes two seconds or more. */
  async function makeRewritesSlow(): Promise<void> {
    const fill = "for i = 1, 1000 do redis.call('SET', 'other:' .. i, 'x') end";
    await server.command('eval', fill, 0);
    await server.command('config', 'set', 'rdb-key-save-delay', '2000');
  }

  const isRewriting = async () =>
    String(await server.command('info', 'persistence')).includes('aof_rewrite_in_progress:1');

  /** Kills the server as soon as it is trusted. */
  async function untilTrusted(queue: Queue, sink: LogSink): Promise<void> {
    expect(await isRewriting()).toBe(true);
    await expect(put(queue, [event(1)])).rejects.toMatchObject(NOT_DURABLE);
    await untilAnswered(() => put(queue, [event(1)]));
    await server.kill9();
    expect(sink.messages).toContainEqual(expect.stringMatching(/wait until INFO persistence/));
    await server.restart({ args: ['--appendonly', 'yes'] });
    expect(await server.command('llen', 'q')).toBe(1);
  }

  it('counts as no file until it holds everything: kill -9 loses nothing acknowledged', async () => {
    const sink = createLogSink();
    const queue = await open(server.url, sink);
    try {
      await expect(put(queue, [event(1)])).rejects.toMatchObject(NOT_DURABLE);
      await server.command('config', 'set', 'appendonly', 'yes');
      await untilTrusted(queue, sink);
    } finally {
      await queue.close();
    }
  });

  it('counts as no file a second time, though there is one of before', async () => {
    await server.command('config', 'set', 'appendonly', 'yes');
    await untilNoticed(async () => !(await isRewriting()));
    await server.command('config', 'set', 'appendonly', 'no');
    await server.command('config', 'set', 'appendonly', 'yes');
    const sink = createLogSink();
    const queue = await open(server.url, sink);
    try {
      await untilTrusted(queue, sink);
    } finally {
      await queue.close();
    }
  });

  it('was there from the start: a later rewrite changes nothing', async () => {
    await server.restart({ args: ['--appendonly', 'yes'], empty: true });
    await makeRewritesSlow();
    const queue = await open(server.url, createLogSink());
    try {
      await put(queue, [event(1)]);
      await server.command('bgrewriteaof');
      // A new connection, which is looked at before it is used.
      await server.command('client', 'kill', 'type', 'normal', 'skipme', 'yes');
      expect(await firstVerdict(queue)).toBe('queued');
      expect((await queue.health()).durability).toBe('disk');
      expect(await isRewriting()).toBe(true);
    } finally {
      await queue.close();
    }
  });
});

/** As long as two looks at the settings take to come. */
async function untilNoticed(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await isSo()); tries++) {
    if (tries === 400) throw new Error('nobody noticed');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
