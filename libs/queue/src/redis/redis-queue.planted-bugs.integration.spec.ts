import { startRedisServer, type RedisServer } from '../testing';
import { describePlantedBugs } from '../testing/model/planted-bugs';
import { redisPlantedBugs } from './testing/redis-planted-bugs';
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

describePlantedBugs('the queue on Redis', redisPlantedBugs, () => engine);
