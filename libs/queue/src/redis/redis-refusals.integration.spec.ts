import { systemRandom } from '@event-pipeline/runtime';
import { createLogSink, type LogSink } from '@event-pipeline/telemetry/testing';
import type { Queue } from '../queue';
import { parseRedisUrl } from '../redis-location';
import { batchOf, event, startRedisServer, type RedisServer } from '../testing';
import { openRedisQueue } from './redis-queue';

let redis: RedisServer | undefined;
let queue: Queue | undefined;
let log: LogSink;

beforeEach(() => {
  log = createLogSink();
});
afterEach(async () => {
  await queue?.close();
  await redis?.stop();
});

async function open(url: string): Promise<Queue> {
  const limits = { maxEvents: 0, maxBytes: 0 };
  const options = { location: parseRedisUrl(url), name: 'q', limits, commandTimeoutMs: 1_000 };
  queue = await openRedisQueue(options, { random: systemRandom, logger: log.logger });
  return queue;
}

/** Gives what repeats itself the time to do so. */
const later = () => new Promise((resolve) => setTimeout(resolve, 500));

describe('a Redis that refuses', () => {
  it('the database is not used in another one', async () => {
    redis = await startRedisServer();
    const opened = await open(`${redis.url}/99`);
    await expect(opened.health()).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    for (let tries = 0; tries < 10; tries++) {
      await expect(opened.enqueue(0, [batchOf([event(1)])])).rejects.toMatchObject({
        code: 'QUEUE_UNAVAILABLE',
      });
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    expect(await redis.command('info', 'keyspace')).not.toContain('db');
    expect(log.lines).toMatchObject([{ level: 'warn', reason: 'ERR DB index is out of range' }]);
  });

  it.each(['redis', 'redis+cluster', 'redis+sentinel'])(
    'the password (%s) does not have it logged, though the server repeats it',
    async (scheme) => {
      redis = await startRedisServer({ args: ['--rename-command', 'AUTH', ''] });
      const { host, port } = redis;
      const secret = 'S3cr3tPassw0rd';
      const rest =
        scheme === 'redis+sentinel'
          ? `/mymaster?sentinelUsername=me&sentinelPassword=${secret}`
          : '';
      await open(`${scheme}://me:${secret}@${host}:${port}${rest}`);
      await later();
      expect(log.lines.filter(({ level }) => level === 'warn')).not.toEqual([]);
      expect(JSON.stringify(log.lines)).not.toContain(secret);
    },
  );
});
