import {
  describeQueueContract,
  startRedisCluster,
  startRedisSentinel,
  startRedisServer,
} from '../testing';
import { createRedisQueueUnderTest, type RedisUnderTest } from './testing/redis-queue-under-test';

/** A password that has to be written with care in a URL. */
const PASSWORD = 'p@ss:w/rd%1';
const DATABASE = 3;

interface Stoppable extends RedisUnderTest {
  stop(): Promise<void>;
}

const topologies: readonly (readonly [string, () => Promise<Stoppable>])[] = [
  ['Redis Cluster', () => startRedisCluster({ nodes: 3 })],
  [
    'Redis behind Sentinels, all with passwords',
    async () => {
      const options = { password: PASSWORD, sentinelPassword: 'an&other', database: DATABASE };
      const watched = await startRedisSentinel(options);
      const { url, stop } = watched;
      return {
        url,
        stop,
        command: async (_, ...words) => (await watched.master()).command(...words),
      };
    },
  ],
  [
    'Redis with a user, a password and a database',
    async () => {
      const server = await startRedisServer({ password: PASSWORD, database: DATABASE });
      await server.command('acl', 'setuser', 'me', 'on', `>${PASSWORD}`, '~*', '+@all');
      return {
        url: server.url.replace('//:', '//me:'),
        stop: () => server.stop(),
        command: (_, ...words) => server.command(...words),
      };
    },
  ],
];

describe.each(topologies)('%s', (name, start) => {
  let redis: Stoppable;
  beforeAll(async () => {
    redis = await start();
  });
  afterAll(() => redis.stop());

  describeQueueContract(name, (options) => createRedisQueueUnderTest(redis, options));
});
