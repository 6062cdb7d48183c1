import { untilItWorks } from '../harness/kill-loop';
import { startLoaded, untilFailedLike } from '../harness/loaded-pipeline';
import { itNeeding, tmpfs } from '../harness/machine-needs';
import { embeddedEngine, redisEngine } from '../harness/queue-engine';
import { Scratch } from '../harness/scratch';
import { MUCH_KIB, smallDisk } from './small-disk';

const CLEAN = { queuedOnce: true, noneDead: true };
const LITTLE_KIB = 128;

const scratch = new Scratch();
afterEach(() => scratch.clean());

describe('a full disk', () => {
  itNeeding(
    [tmpfs],
    'under Redis with appendfsync always ends it before it answers; with room and a restart nothing is lost',
    async () => {
      const disk = await smallDisk(scratch);
      const engine = await redisEngine(scratch, { dir: disk.folder });
      const variables = { REDIS_COMMAND_TIMEOUT_MS: '1000', COLLECTOR_QUEUE_PATIENCE_MS: '1000' };
      const { pipeline, load } = await startLoaded({ engine, variables }, scratch);
      disk.leave(LITTLE_KIB);
      await untilFailedLike(load, /^UNAVAILABLE/);
      await expect(pipeline.redis.command('ping')).rejects.toThrow();

      disk.leave(MUCH_KIB);
      await pipeline.redis.restart();
      await untilItWorks(pipeline, load);
      expect(await pipeline.violations(load, CLEAN)).toEqual([]);
      expect(pipeline.surprises).toEqual([]);
    },
    180_000,
  );

  itNeeding(
    [tmpfs],
    'under Redis with appendfsync everysec: producers are told to come again, and with room all goes on by itself',
    async () => {
      const disk = await smallDisk(scratch);
      const args = ['--appendfsync', 'everysec'];
      const engine = await redisEngine(scratch, { dir: disk.folder, args });
      const variables = { REDIS_COMMAND_TIMEOUT_MS: '1000', COLLECTOR_QUEUE_PATIENCE_MS: '1000' };
      const { pipeline, load } = await startLoaded({ engine, variables }, scratch);
      disk.leave(LITTLE_KIB);
      await untilFailedLike(load, /^UNAVAILABLE/);
      await expect(pipeline.redis.command('set', 'other', 'x')).rejects.toThrow('MISCONF');

      disk.leave(MUCH_KIB);
      await untilItWorks(pipeline, load);
      expect(await pipeline.violations(load, CLEAN)).toEqual([]);
      expect(pipeline.surprises).toEqual([]);
    },
    180_000,
  );

  itNeeding(
    [tmpfs],
    'under the embedded queue: producers are told to come again, workers go on, and so does intake with room',
    async () => {
      const disk = await smallDisk(scratch);
      const engine = await embeddedEngine(scratch, disk.folder);
      const variables = { COLLECTOR_QUEUE_PATIENCE_MS: '1000' };
      const { pipeline, load } = await startLoaded({ engine, variables }, scratch);
      disk.leave(LITTLE_KIB);
      await untilFailedLike(load, /^(RESOURCE_EXHAUSTED|UNAVAILABLE)/);
      // What is queued is settled on the full disk.
      await load.settle(10_000).catch(() => undefined);
      await pipeline.queue.untilEmpty();

      disk.leave(MUCH_KIB);
      await load.settle();
      load.start();
      await untilItWorks(pipeline, load);
      expect(await pipeline.violations(load, CLEAN)).toEqual([]);
      expect(pipeline.surprises).toEqual([]);
    },
    180_000,
  );

  itNeeding(
    [tmpfs],
    'under the embedded store: workers wait and settle nothing, and with room all goes on by itself',
    async () => {
      const disk = await smallDisk(scratch);
      const { pipeline, load } = await startLoaded(
        { engine: 'redis', store: 'embedded', storeFolder: disk.folder, workers: 1 },
        scratch,
      );
      disk.leave(LITTLE_KIB);
      const { program } = pipeline.workers[0]!;
      await program.logged('the outage', ({ msg }) => /^the store is out of reach/.test(msg ?? ''));
      disk.leave(MUCH_KIB);
      await program.logged('its end', ({ msg }) => msg === 'the store can be reached again');
      await untilItWorks(pipeline, load);
      expect(await pipeline.violations(load, CLEAN)).toEqual([]);
      expect(pipeline.surprises).toEqual([]);
    },
    180_000,
  );
});
