import { systemRandom } from '@event-pipeline/runtime';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { parseRedisUrl, type RedisSentinelLocation } from '../redis-location';
import { startRedisServer, type RedisServer } from '../testing';
import { MasterWatch } from './master-watch';
import { openRedisQueue } from './redis-queue';
import { untilAnswered } from './testing/redis-queue-under-test';

let server: RedisServer;
beforeEach(async () => {
  server = await startRedisServer();
});
afterEach(() => server.stop());

describe('a user that may not do what a watch needs', () => {
  it('is told once that nobody will notice when Redis comes back without its data', async () => {
    await server.command('acl', 'setuser', 'default', '-set');
    const sink = createLogSink();
    const warnings = () => sink.messages.filter((text) => text.includes('nobody will notice'));
    const queue = await openRedisQueue(
      {
        location: parseRedisUrl(server.url),
        name: 'q',
        limits: { maxEvents: 0, maxBytes: 0 },
        commandTimeoutMs: 1_000,
      },
      { random: systemRandom, logger: sink.logger },
    );
    try {
      await untilAnswered(async () => expect(warnings()).toHaveLength(1));
      await server.command('client', 'kill', 'type', 'normal', 'skipme', 'yes');
      await untilAnswered(() => queue.stats(0));
      await untilAnswered(() => queue.health());
      expect(warnings()).toHaveLength(1);
    } finally {
      await queue.close();
    }
  });

  it('is told once that a new master is noticed late', async () => {
    // To the watch, a server is a Sentinel like any other.
    await server.command('acl', 'setuser', 'default', '-subscribe');
    const sink = createLogSink();
    const { host, port } = server;
    const url = `redis+sentinel://${host}:${port},${host}:${port}/mymaster`;
    const location = parseRedisUrl(url) as RedisSentinelLocation;
    const watch = new MasterWatch(
      location,
      { name: 'q', commandTimeoutMs: 1_000 },
      sink.logger,
      () => undefined,
    );
    try {
      await untilAnswered(async () => {
        const denied = (await server.command('acl', 'log')) as unknown[];
        expect(denied.length).toBeGreaterThan(0);
        expect(sink.messages).toEqual([expect.stringContaining('a new master is noticed late')]);
      });
    } finally {
      watch.close();
    }
  });
});
