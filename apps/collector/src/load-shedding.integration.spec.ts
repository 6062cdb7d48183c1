import { status } from '@grpc/grpc-js';
import { startRedisServer, type RedisServer } from '@event-pipeline/queue/testing';
import { CollectorOnRedis, until } from './testing/collector-on-redis';
import { encodeEvent, encodeRequest, validEvent } from './testing/raw-client';

let redis: RedisServer;
let collector: CollectorOnRedis;

beforeAll(async () => {
  redis = await startRedisServer();
});
afterEach(() => collector.stop());
afterAll(() => redis.stop());

const good = (events = 1) =>
  encodeRequest({ events: Array.from({ length: events }, () => validEvent()) });
const refusals = (events: number) =>
  encodeRequest({ events: Array.from({ length: events }, () => validEvent({ type: '?' })) });

describe('a queue that is not durable, with QUEUE_STRICT', () => {
  afterEach(() => redis.command('config', 'set', 'appendfsync', 'always'));

  it('takes no event, says so everywhere, and takes them again by itself', async () => {
    await redis.command('config', 'set', 'appendfsync', 'everysec');
    collector = await CollectorOnRedis.start(redis, { QUEUE_STRICT: 'true' });
    const refused = await collector.client.publish(good());
    expect(refused.error).toMatchObject({
      code: status.UNAVAILABLE,
      details:
        'the queue is not as durable as it has to be: the operator finds why on /readyz of the collector',
    });
    expect(refused).toMatchObject({ details: { retryDelayMs: 5_000 } });
    const stream = await collector.client.stream([encodeEvent(validEvent())]);
    expect(stream).toMatchObject({
      error: { code: status.UNAVAILABLE },
      details: { summary: { accepted: 0 } },
    });
    expect(await collector.backlog()).toBe(0);
    expect(await collector.readiness()).toMatchObject({
      ready: false,
      reason: expect.stringContaining('CONFIG SET appendfsync always') as string,
      durability: 'bounded-loss',
    });
    expect(await collector.metric('pipeline_calls_failed_total{code="QUEUE_NOT_DURABLE"}')).toBe(2);

    await redis.command('config', 'set', 'appendfsync', 'always');
    await until(async () => (await collector.client.publish(good())).error === undefined);
    await until(async () => (await collector.readiness()).ready === true);
  });

  it('without QUEUE_STRICT it takes them, and /readyz says what they are worth', async () => {
    await redis.command('config', 'set', 'appendfsync', 'everysec');
    collector = await CollectorOnRedis.start(redis);
    expect((await collector.client.publish(good())).error).toBeUndefined();
    expect(await collector.readiness()).toMatchObject({
      ready: true,
      durability: 'bounded-loss',
      findings: expect.arrayContaining([
        expect.objectContaining({ setting: 'appendfsync', value: 'everysec' }),
      ]) as unknown[],
    });
  });
});

describe('a collector under load', () => {
  it('refuses calls with a hint while its memory is used up, and takes them afterwards', async () => {
    // Any Node.js needs more than this, so it is above it from the first look.
    collector = await CollectorOnRedis.start(redis, {
      COLLECTOR_MEMORY_LIMIT_BYTES: String(64 * 1_048_576),
      COLLECTOR_QUEUE_PATIENCE_MS: '20000',
      REDIS_COMMAND_TIMEOUT_MS: '20000',
    });
    await until(
      async () => (await collector.metric('pipeline_load_shedding{reason="memory"}')) === 1,
    );
    expect(await collector.readiness()).toMatchObject({
      ready: true,
      shedding: expect.stringContaining('COLLECTOR_MEMORY_LIMIT_BYTES') as string,
    });
    // With nothing in flight one call passes: it is what keeps the next ones out.
    redis.pause();
    const first = collector.client.publish(good());
    await until(async () => (await collector.metric('pipeline_in_flight_events')) === 1);
    const refused = await collector.client.publish(good());
    expect(refused).toMatchObject({
      error: {
        code: status.RESOURCE_EXHAUSTED,
        details: expect.stringContaining('memory') as string,
      },
      details: { retryDelayMs: 250 },
    });
    const stream = collector.client.openPublishStream();
    expect((await stream.status).code).toBe(status.RESOURCE_EXHAUSTED);
    expect(await collector.metric('pipeline_load_refused_total{reason="memory"}')).toBe(2);
    redis.resume();
    expect((await first).error).toBeUndefined();
    expect((await collector.client.publish(good())).error).toBeUndefined();
  });

  it('sees a blocked event loop', async () => {
    collector = await CollectorOnRedis.start(redis, { COLLECTOR_MAX_LOOP_DELAY_MS: '50' });
    const end = performance.now() + 1_000;
    while (performance.now() < end);
    await until(async () => {
      const text = await collector.metricsText();
      return (
        /pipeline_loop_delay_seconds_bucket\{le="0.1"\} (\d+)/.exec(text)?.[1] !==
        /pipeline_loop_delay_seconds_count (\d+)/.exec(text)?.[1]
      );
    });
    // By then it has turned again.
    await until(async () => (await collector.client.publish(good())).error === undefined);
  });
});

describe('streams whose clients read no answers', () => {
  it('hold no more than the memory for answers, and are reset where others need it', async () => {
    const limit = 1_048_576;
    collector = await CollectorOnRedis.start(redis, { COLLECTOR_MAX_ANSWER_BYTES: String(limit) });
    const batch = refusals(2_000);
    const stuck = Array.from({ length: 3 }, () => {
      const client = collector.newClient();
      const stream = client.openPublishStream();
      stream.call.pause();
      for (let i = 0; i < 8; i++) stream.call.write(batch);
      return { client, stream };
    });
    let most = 0;
    const heldNow = async () => {
      const held = await collector.metric('pipeline_answer_bytes');
      most = Math.max(most, held);
      return held;
    };
    // Two of them, and there is no room for a third. The first answer of each leaves; the next one is
    // stuck when nothing has moved for a while.
    let looks = 0;
    let before = 0;
    await until(async () => {
      const held = await heldNow();
      looks = held > 0.9 * limit && held === before ? looks + 1 : 0;
      before = held;
      return looks === 20;
    });
    const honest = collector.newClient();
    const stream = honest.openPublishStream();
    stream.call.write(batch);
    await until(async () => {
      await heldNow();
      return stream.answers.length === 1;
    });
    stream.call.end();
    expect((await stream.status).code).toBe(status.OK);
    expect(stream.answers[0]?.rejections).toHaveLength(2_000);
    expect(most).toBeLessThan(2 * limit);
    expect(
      await collector.metric('pipeline_calls_failed_total{code="OVERLOADED"}'),
    ).toBeGreaterThan(0);
    honest.close();
    for (const one of stuck) {
      one.stream.call.cancel();
      one.client.close();
    }
    await until(async () => (await collector.metric('pipeline_answer_bytes')) === 0);
  }, 60_000);
});
