import { startRedisServer, type RedisServer } from '../testing';
import { describeQueueModel } from '../testing/model/describe-queue-model';
import { redisEngine, type RedisUnderModel } from './testing/redis-queue-under-model';

let server: RedisServer;
let engine: RedisUnderModel;

beforeAll(async () => {
  server = await startRedisServer({ args: ['--appendfsync', 'no'] });
  engine = await redisEngine(server);
});

afterAll(async () => {
  await engine.close();
  await server.stop();
});

describeQueueModel('the queue on Redis', 300, () => engine);
