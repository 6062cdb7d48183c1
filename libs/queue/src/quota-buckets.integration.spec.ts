import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { LocalQuotaBuckets } from './local-quota-buckets';
import { QUOTA_BURST_MS, type QuotaBuckets } from './quota-buckets';
import { parseQueueUrl } from './queue-location';
import { RedisQuotaBuckets } from './redis/redis-quota-buckets';
import { startRedisServer, type RedisServer } from './testing/redis-server';

const RATES = { events: 1_000, bytes: 100_000 };
const ALL = { events: 1_000_000, bytes: 1_000_000_000 };
/** What both buckets hold at most. */
const FULL = { events: RATES.events * 0.2, bytes: RATES.bytes * 0.2 };

interface Scene {
  readonly buckets: QuotaBuckets;
  passTime(ms: number): Promise<unknown>;
}

let redis: RedisServer;
const opened: QuotaBuckets[] = [];
beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(() => redis.stop());
afterEach(async () => {
  for (const buckets of opened.splice(0)) await buckets.close();
  await redis.command('flushall');
});

function onRedis(): Scene {
  const location = parseQueueUrl(redis.url);
  if (location.engine !== 'redis') throw new Error('no Redis');
  const options = { location, name: 'q', commandTimeoutMs: 2_000 };
  const buckets = new RedisQuotaBuckets(options, createLogSink().logger);
  opened.push(buckets);
  return { buckets, passTime: (ms) => redis.command('hincrby', '{q}:quota:shop', 'at', -ms) };
}

function local(): Scene {
  const clock = new SimulatedClock();
  return { buckets: new LocalQuotaBuckets(clock), passTime: (ms) => clock.advance(ms) };
}

describe.each([
  ['on Redis', onRedis],
  ['of one process', local],
] as const)('the buckets of a quota, %s', (_, open) => {
  const take = ({ buckets }: Scene, wanted = ALL, rates = RATES) =>
    buckets.take('shop', rates, wanted);

  it('are full at first, hold what the rate gives in the burst, and are then empty', async () => {
    const scene = open();
    expect(QUOTA_BURST_MS).toBe(200);
    expect(await take(scene)).toMatchObject(FULL);
    const { events, bytes, waitMs } = await take(scene);
    // Real time passes on Redis, if little.
    expect(events).toBeLessThan(100);
    expect(bytes).toBeLessThan(10_000);
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(20);
  });

  it('fill at their rates, and not beyond', async () => {
    const scene = open();
    await take(scene);
    await scene.passTime(100);
    const { events, bytes } = await take(scene);
    expect(events).toBeGreaterThanOrEqual(100);
    expect(bytes).toBeGreaterThanOrEqual(10_000);
    expect(events).toBeLessThan(FULL.events);
    await scene.passTime(60_000);
    expect(await take(scene)).toMatchObject(FULL);
  });

  it('give what is wanted where it is there, and keep the rest', async () => {
    const scene = open();
    expect(await take(scene, { events: 150, bytes: 0 })).toEqual({
      events: 150,
      bytes: 0,
      waitMs: 0,
    });
    const { events, bytes } = await take(scene);
    expect(events).toBeGreaterThanOrEqual(50);
    expect(events).toBeLessThan(150);
    expect(bytes).toBe(FULL.bytes);
  });

  it('give all where there is no limit', async () => {
    const rates = { events: 0, bytes: 100_000 };
    const wanted = { events: 5_000, bytes: 1 };
    expect(await take(open(), wanted, rates)).toEqual({ ...wanted, waitMs: 0 });
  });

  it('hold at least one, and say when the next one is there, however slow they fill', async () => {
    const scene = open();
    const rates = { events: 0.5, bytes: 0 };
    const one = { events: 1, bytes: 0 };
    expect(await take(scene, one, rates)).toMatchObject({ events: 1 });
    const { events, waitMs } = await take(scene, one, rates);
    expect(events).toBe(0);
    expect(waitMs).toBeGreaterThan(1_000);
    expect(waitMs).toBeLessThanOrEqual(2_000);
    await scene.passTime(2_000);
    expect(await take(scene, one, rates)).toMatchObject({ events: 1 });
  });

  it('are those of one principal', async () => {
    const scene = open();
    await take(scene);
    expect(await scene.buckets.take('other', RATES, ALL)).toMatchObject(FULL);
  });
});

describe('the buckets on Redis', () => {
  it('are the same for all who ask', async () => {
    const [one, other] = [onRedis(), onRedis()];
    const rates = { events: 1, bytes: 0 };
    expect(await one.buckets.take('shop', rates, ALL)).toMatchObject({ events: 1 });
    expect(await other.buckets.take('shop', rates, ALL)).toMatchObject({ events: 0 });
  });

  it('reject while Redis is out of reach', async () => {
    const location = parseQueueUrl('redis://127.0.0.1:1');
    if (location.engine !== 'redis') throw new Error('no Redis');
    const options = { location, name: 'q', commandTimeoutMs: 100 };
    const buckets = new RedisQuotaBuckets(options, createLogSink().logger);
    opened.push(buckets);
    await expect(buckets.take('shop', RATES, ALL)).rejects.toMatchObject({
      code: 'QUEUE_UNAVAILABLE',
    });
  });
});
