import type { RedisServer } from '@event-pipeline/queue/testing';
import { untilItWorks } from '../harness/kill-loop';
import {
  exported,
  startLoaded,
  untilFailedLike,
  type LoadedPipeline,
} from '../harness/loaded-pipeline';
import { Scratch } from '../harness/scratch';

const CLEAN = { queuedOnce: true, noneDead: true };

/** Something that makes Redis refuse to write, until it is undone. */
interface Refusal {
  readonly reply: string;
  readonly begin: (redis: RedisServer) => Promise<unknown>;
  readonly end: (redis: RedisServer) => Promise<unknown>;
}

const set = (name: string, value: string | number) => (redis: RedisServer) =>
  redis.command('config', 'set', name, value);
/** Nobody answers there. */
const NOBODY = ['127.0.0.1', '1'] as const;

const REFUSALS: readonly Refusal[] = [
  {
    reply: 'NOREPLICAS',
    begin: set('min-replicas-to-write', 1),
    end: set('min-replicas-to-write', 0),
  },
  {
    reply: 'READONLY',
    begin: (redis) => redis.command('replicaof', ...NOBODY),
    end: (redis) => redis.command('replicaof', 'no', 'one'),
  },
  {
    reply: 'MASTERDOWN',
    begin: async (redis) => {
      await set('replica-serve-stale-data', 'no')(redis);
      await redis.command('replicaof', ...NOBODY);
    },
    end: async (redis) => {
      await redis.command('replicaof', 'no', 'one');
      await set('replica-serve-stale-data', 'yes')(redis);
    },
  },
  {
    reply: 'BUSY',
    begin: async (redis) => {
      await set('busy-reply-threshold', 50)(redis);
      // Ends with SCRIPT KILL, which is an error for who sent it.
      redis.command('eval', 'while true do end', 0).catch(() => undefined);
    },
    end: (redis) => redis.command('script', 'kill'),
  },
];

const scratch = new Scratch();
let loaded: LoadedPipeline;
beforeAll(async () => {
  const variables = { REDIS_COMMAND_TIMEOUT_MS: '1000', COLLECTOR_QUEUE_PATIENCE_MS: '1000' };
  loaded = await startLoaded({ engine: 'redis', variables }, scratch);
  await loaded.load.settle();
}, 60_000);
beforeEach(async () => {
  loaded.load.start();
  await untilItWorks(loaded.pipeline, loaded.load);
});
afterAll(() => scratch.clean());

describe('a Redis that refuses to write', () => {
  it.each(REFUSALS)(
    'with $reply: producers are told to come again, and work goes on when it takes writes',
    async ({ begin, end }) => {
      const { pipeline, load } = loaded;
      await begin(pipeline.redis);
      await untilFailedLike(load, /^UNAVAILABLE/);
      await end(pipeline.redis);
      await untilItWorks(pipeline, load);
      expect(await pipeline.violations(load, CLEAN)).toEqual([]);
      expect(pipeline.surprises).toEqual([]);
    },
    120_000,
  );

  it('with LOADING, for as long as it reads its data: producers are told, and work goes on after it', async () => {
    const { pipeline, load } = loaded;
    // A millisecond for each command in its file, and answers in between.
    const slowly = ['--key-load-delay', '1000', '--loading-process-events-interval-bytes', '1024'];
    const restarted = pipeline.redis.restart({ args: slowly });
    await untilFailedLike(load, /^UNAVAILABLE/);
    await restarted;
    await untilItWorks(pipeline, load);
    expect(await pipeline.violations(load, CLEAN)).toEqual([]);
    expect(pipeline.surprises).toEqual([]);
  }, 120_000);
});

describe('a Redis that may evict, where events have to be durable (QUEUE_STRICT)', () => {
  it('gets no event until the setting is right, and says what to change; workers go on', async () => {
    const own = new Scratch();
    try {
      const { pipeline, load } = await startLoaded(
        { engine: 'redis', workers: 1, variables: { QUEUE_STRICT: 'true' } },
        own,
      );
      await set('maxmemory-policy', 'allkeys-lru')(pipeline.redis);
      // Settings are looked at with each connection.
      await pipeline.redis.command('client', 'kill', 'type', 'normal');
      await untilFailedLike(load, /^UNAVAILABLE/);
      const { program } = pipeline.collector;
      await program.logged('what to change', ({ msg }) =>
        /events are refused \(QUEUE_STRICT\) .*maxmemory-policy noeviction/.test(msg ?? ''),
      );
      const refused = 'pipeline_calls_failed_total{code="QUEUE_NOT_DURABLE"}';
      expect(await exported(program, refused)).toBeGreaterThan(0);

      await set('maxmemory-policy', 'noeviction')(pipeline.redis);
      await untilItWorks(pipeline, load);
      expect(await pipeline.violations(load, CLEAN)).toEqual([]);
    } finally {
      await own.clean();
    }
  }, 120_000);
});
