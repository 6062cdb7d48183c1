import { systemClock } from '@event-pipeline/runtime';
import { tell, WHOLE_SUITE } from '../harness/fault-scale';
import { untilItWorks } from '../harness/kill-loop';
import { startLoaded } from '../harness/loaded-pipeline';
import { itNeeding, strace, wholeSuite } from '../harness/machine-needs';
import { redisEngine } from '../harness/queue-engine';
import { Scratch } from '../harness/scratch';
import { until } from '../harness/until';
import { injectSystemCallFault } from './system-call-fault';

const CLEAN = { queuedOnce: true, noneDead: true };
const EVERYSEC = { args: ['--appendfsync', 'everysec'] };
const VARIABLES = { REDIS_COMMAND_TIMEOUT_MS: '1000', COLLECTOR_QUEUE_PATIENCE_MS: '2000' };

const scratch = new Scratch();
afterEach(() => scratch.clean());

describe('Redis and its disk', () => {
  it('kill -9 with appendfsync everysec on a disk that works: nothing that was acknowledged is lost', async () => {
    const engine = await redisEngine(scratch, EVERYSEC);
    const { pipeline, load } = await startLoaded({ engine, variables: VARIABLES }, scratch);
    await pipeline.collector.program.logged('the bounded loss', ({ msg }) =>
      /to change: .*CONFIG SET appendfsync always/.test(msg ?? ''),
    );
    for (let kill = 0; kill < (WHOLE_SUITE ? 20 : 2); kill++) {
      await pipeline.redis.kill9();
      await pipeline.redis.restart();
      await untilItWorks(pipeline, load);
    }
    expect(await pipeline.violations(load, CLEAN)).toEqual([]);
  }, 180_000);

  itNeeding(
    [strace],
    'a flush that fails, with appendfsync always: Redis ends before it answers, and nothing is lost',
    async () => {
      const { pipeline, load } = await startLoaded(
        { engine: 'redis', variables: VARIABLES },
        scratch,
      );
      await injectSystemCallFault(pipeline.redis.pid, 'fdatasync:error=EIO', scratch);
      await until('Redis has ended', () =>
        pipeline.redis.command('ping').then(
          () => false,
          () => true,
        ),
      );
      await pipeline.redis.restart();
      await untilItWorks(pipeline, load);
      expect(await pipeline.violations(load, CLEAN)).toEqual([]);
      expect(pipeline.surprises).toEqual([]);
    },
    180_000,
  );

  itNeeding(
    [strace],
    'a disk that takes 100 ms for each flush: everything is slower and nothing else',
    async () => {
      const { pipeline, load } = await startLoaded({ engine: 'redis' }, scratch);
      const { pid } = pipeline.redis;
      const end = await injectSystemCallFault(pid, 'fdatasync:delay_enter=100000', scratch);
      for (let i = 0; i < 3; i++) await untilItWorks(pipeline, load);
      await end();
      expect(await pipeline.violations(load, CLEAN)).toEqual([]);
    },
    180_000,
  );

  itNeeding(
    [strace, wholeSuite],
    'kill -9 with appendfsync everysec while the disk hangs: what was acknowledged before it hung is kept',
    async () => {
      const engine = await redisEngine(scratch, EVERYSEC);
      const { pipeline, load } = await startLoaded({ engine, variables: VARIABLES }, scratch);
      const before = [...load.ledger.entries()].filter(({ outcome }) => outcome === 'acknowledged');
      // What is acknowledged from now on is nowhere but in Redis.
      for (const worker of pipeline.workers) worker.pause();
      const { pid } = pipeline.redis;
      await injectSystemCallFault(pid, 'fdatasync:delay_enter=30000000', scratch);
      // Redis holds writes back for at most two seconds: the fault itself, not a wait.
      await systemClock.sleep(5_000);
      const { acknowledged } = load.ledger.counts;
      await until('it goes on acknowledging', () => load.ledger.counts.acknowledged > acknowledged);
      const atKill = load.ledger.counts.acknowledged;
      await pipeline.redis.kill9();
      await pipeline.redis.restart();
      for (const worker of pipeline.workers) worker.resume();
      await untilItWorks(pipeline, load);
      await load.settle();
      await pipeline.queue.untilEmpty();

      const { stored, sent } = await pipeline.evidence(load);
      const found = new Set(stored.map(({ eventId }) => eventId));
      const lost = [...sent].filter(
        ({ eventId, outcome }) => outcome === 'acknowledged' && !found.has(eventId),
      );
      tell(
        `everysec, a disk that hangs, kill -9: ${lost.length} of ${atKill - before.length} lost that were acknowledged meanwhile`,
      );
      expect(before.filter(({ eventId }) => !found.has(eventId))).toEqual([]);
    },
    180_000,
  );
});
