import { Redis } from 'ioredis';
import type { EngineUnderModel } from '../../testing/model/queue-under-model';
import type { RedisServer } from '../../testing';
import { partitionKeys } from '../redis-keys';
import { createRedisQueueUnderTest, type RedisQueueUnderTest } from './redis-queue-under-test';

export interface RedisUnderModel extends EngineUnderModel {
  close(): Promise<void>;
}

/**
 * One queue on a server that is nobody else's, emptied before each run. Two connections: what is
 * called on one never waits for the other.
 */
export async function redisEngine(server: RedisServer): Promise<RedisUnderModel> {
  const redis = new Redis(server.url);
  const queue: RedisQueueUnderTest = await createRedisQueueUnderTest({
    url: server.url,
    command: (_key, command, ...args) => redis.call(String(command), ...args),
  });
  const users = [queue.queue, await queue.openAnother()] as const;
  return {
    manner: 'redis',
    async open() {
      await redis.flushdb();
      return {
        users,
        passTime: queue.passTime,
        buryForeign: queue.buryForeign,
        restart: async () => void (await redis.script('FLUSH')),
        expectNothingLeft: async (deadLetters) => {
          const keys = partitionKeys(queue.name, 0);
          const { counters, dead, wakeup, epoch } = keys;
          expect(await redis.xlen(dead)).toBe(deadLetters);
          const left = (await redis.keys('*')).filter((key) => !key.startsWith(keys.batch('')));
          expect([counters, dead, wakeup, epoch]).toEqual(expect.arrayContaining(left));
        },
        dispose: () => Promise.resolve(),
      };
    },
    close: async () => {
      await queue.dispose();
      redis.disconnect();
    },
  };
}
