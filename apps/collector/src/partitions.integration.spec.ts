import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { decodeStoredEvent, type PublishEventsRequest } from '@event-pipeline/contracts';
import { partitionOf, type Queue } from '@event-pipeline/queue';
import { createQueue, type QueueConfig } from '@event-pipeline/queue/create';
import { drainAll, startRedisServer, type RedisServer } from '@event-pipeline/queue/testing';
import { systemClock, systemRandom } from '@event-pipeline/runtime';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { CollectorOnRedis, until } from './testing/collector-on-redis';
import { encodeEvent, encodeRequest, validEvent } from './testing/raw-client';

let redis: RedisServer;
let collector: CollectorOnRedis;
let queue: Queue;

beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(() => redis.stop());
afterEach(async () => {
  redis.resume();
  await collector.stop();
  await queue.close();
  await redis.command('flushall');
});

async function start(partitions: number, variables: Record<string, string> = {}): Promise<void> {
  collector = await CollectorOnRedis.start(redis, {
    QUEUE_PARTITIONS: String(partitions),
    ...variables,
  });
  queue = await openQueue(collector.queueName);
}

function openQueue(queueName: string): Promise<Queue> {
  const config: QueueConfig = {
    queueUrl: redis.url,
    queueName,
    redisHost: 'localhost',
    redisPort: 6_379,
    redisCommandTimeoutMs: 5_000,
    queueMaxEvents: 0,
    queueMaxBytes: 0,
    queueStrict: false,
  };
  const logger = createLogSink().logger;
  return createQueue(config, { clock: systemClock, random: systemRandom, logger });
}

/** Takes everything out: the ids of the events by their partition, each in its order. */
async function takeAll(): Promise<string[][]> {
  const found: string[][] = [];
  for (let partition = 0; partition < queue.partitionCount(); partition++) {
    const bodies = await drainAll(queue, { partition, maxEvents: 1_000 });
    found.push(bodies.map((body) => decodeStoredEvent(body).eventId));
  }
  return found;
}

const publish = async (batch: Partial<PublishEventsRequest>) =>
  (await collector.client.publish(encodeRequest(batch))).response;
const eventsOf = (count: number, more: Parameters<typeof validEvent>[0] = {}) =>
  Array.from({ length: count }, () => validEvent(more));
const idsOf = (...batches: readonly Partial<PublishEventsRequest>[]) =>
  batches.flatMap(({ events = [] }) => events.map(({ eventId }) => eventId));
const sorted = (ids: readonly string[]) => [...ids].sort();
/** An id whose batch has another home than `count` partitions give the key. */
function idAwayFrom(key: string, count: number): string {
  for (;;) {
    const id = randomUUID();
    if (partitionOf(id, count) !== partitionOf(key, count)) return id;
  }
}

describe('a collector of a queue with several partitions', () => {
  it('sends each event to the partition of its id', async () => {
    await start(4);
    const events = eventsOf(300);
    await collector.client.stream(events.slice(0, 100).map(encodeEvent));
    await publish({ batchId: randomUUID(), events: events.slice(100, 200) });
    await publish({ events: events.slice(200) });
    const ids = events.map(({ eventId }) => eventId);
    const expected = [0, 1, 2, 3].map((partition) =>
      ids.filter((id) => partitionOf(id, 4) === partition),
    );
    expect(await takeAll()).toEqual(expected);
  });

  it('keeps events of one key together and in their order, whichever call brings them', async () => {
    await start(5);
    const [first, second, third] = [4, 1_200, 3].map((n) => eventsOf(n, { partitionKey: 'ada' }));
    await collector.client.stream(first!.map(encodeEvent));
    await publish({ batchId: idAwayFrom('ada', 5), events: second! });
    await publish({ events: third! });
    const found = await takeAll();
    const ids = [...first!, ...second!, ...third!].map(({ eventId }) => eventId);
    expect(found[partitionOf('ada', 5)]).toEqual(ids);
    expect(found.flat()).toHaveLength(ids.length);
  });

  it('queues the batches of a stream in their order, in each partition', async () => {
    await start(3);
    const stream = collector.client.openPublishStream();
    const batches = Array.from({ length: 60 }, (_, n) => ({
      batchId: n % 3 === 0 ? '' : randomUUID(),
      events: ['ada', 'bob', 'cleo', 'dan'].flatMap((partitionKey) =>
        eventsOf(1 + (n % 4), { partitionKey }),
      ),
    }));
    for (const batch of batches) stream.call.write(encodeRequest(batch));
    stream.call.end();
    expect((await stream.status).code).toBe(status.OK);
    expect(stream.answers.map(({ batchId }) => batchId)).toEqual(
      batches.map(({ batchId }) => batchId),
    );
    const found = await takeAll();
    for (const key of ['ada', 'bob', 'cleo', 'dan']) {
      const ids = batches.flatMap(({ events }) =>
        events.filter(({ partitionKey }) => partitionKey === key).map(({ eventId }) => eventId),
      );
      const own = new Set(ids);
      expect(found[partitionOf(key, 3)]?.filter((id) => own.has(id))).toEqual(ids);
    }
  });

  it('answers a batch that comes again as the first time, and queues none of it again', async () => {
    await start(4);
    const bad = validEvent({ type: '?' });
    const batch = { batchId: randomUUID(), events: [...eventsOf(50), bad, ...eventsOf(50)] };
    const first = await publish(batch);
    expect(first).toMatchObject({ accepted: 100, duplicate: false });
    expect(first?.rejections.map(({ index }) => index)).toEqual([50]);
    expect(await publish(batch)).toEqual({ ...first, duplicate: true });
    expect(sorted((await takeAll()).flat())).toEqual(
      sorted(idsOf(batch).filter((id) => id !== bad.eventId)),
    );
  });

  it.each([
    ['more events', 40],
    ['fewer events, of one partition', 1],
  ])('refuses the same batch id over %s, and queues none of them', async (_, count) => {
    await start(4);
    const first = { batchId: idAwayFrom('ada', 4), events: eventsOf(10) };
    await publish(first);
    const other = { batchId: first.batchId, events: eventsOf(count, { partitionKey: 'ada' }) };
    const { error } = await collector.client.publish(encodeRequest(other));
    expect(error?.code).toBe(status.INVALID_ARGUMENT);
    expect(sorted((await takeAll()).flat())).toEqual(sorted(idsOf(first)));
  });

  it('recognises a batch that comes again after the partitions have become more', async () => {
    await start(1);
    const batches = Array.from({ length: 20 }, () => ({
      batchId: randomUUID(),
      events: eventsOf(30),
    }));
    for (const batch of batches) await publish(batch);
    const sent = [...batches];
    for (const partitions of [3, 8]) {
      await queue.resize(partitions);
      // By the first one of them, the collector hears of the change.
      const fresh = Array.from({ length: 5 }, () => ({
        batchId: randomUUID(),
        events: eventsOf(30),
      }));
      for (const batch of fresh) expect(await publish(batch)).toMatchObject({ duplicate: false });
      sent.push(...fresh);
      for (const batch of sent) {
        expect(await publish(batch)).toMatchObject({ accepted: 30, duplicate: true });
      }
    }
    expect(sorted((await takeAll()).flat())).toEqual(sorted(idsOf(...sent)));
  });

  describe('a batch with an id whose first attempt', () => {
    const keyOf = (partition: number, count: number) => {
      for (let n = 0; ; n++) if (partitionOf(`key-${n}`, count) === partition) return `key-${n}`;
    };
    /** Events for its home and for another partition, by a count of 4. */
    const spread = (batchId: string, more: Parameters<typeof validEvent>[0] = {}) => {
      const home = partitionOf(batchId, 4);
      return [
        ...eventsOf(5, { partitionKey: keyOf(home, 4) }),
        validEvent({ partitionKey: keyOf((home + 1) % 4, 4), ...more }),
      ];
    };
    const large = { data: Buffer.from(JSON.stringify('x'.repeat(2_000))) };
    const other = (variables: Record<string, string>) =>
      CollectorOnRedis.start(redis, { QUEUE_NAME: collector.queueName, ...variables });

    it('found the queue full after the id was written down is not acknowledged for nothing', async () => {
      await start(4, { QUEUE_MAX_EVENTS: '8' });
      const batchId = randomUUID();
      const batch = { batchId, events: spread(batchId, large) };
      const first = await collector.client.publish(encodeRequest(batch));
      expect(first.error?.code).toBe(status.RESOURCE_EXHAUSTED);
      // There one event counts as too large that was accepted the first time.
      const strict = await other({ EVENT_MAX_DATA_BYTES: '1024' });
      const { response } = await strict.client.publish(encodeRequest(batch));
      await strict.stop();
      expect(response).toMatchObject({ accepted: 6, rejections: [], duplicate: false });
      expect(sorted((await takeAll()).flat())).toEqual(sorted(idsOf(batch)));
    });

    it('refused an event is answered the same where that event would pass by now', async () => {
      await start(4, { EVENT_MAX_DATA_BYTES: '1024' });
      const batchId = randomUUID();
      const batch = { batchId, events: spread(batchId, large) };
      const first = await publish(batch);
      expect(first).toMatchObject({ accepted: 5, duplicate: false });
      const tolerant = await other({});
      const { response } = await tolerant.client.publish(encodeRequest(batch));
      await tolerant.stop();
      expect(response).toMatchObject({ accepted: 5, duplicate: true });
      expect(response?.rejections.map(({ index, code }) => ({ index, code }))).toEqual(
        first?.rejections.map(({ index, code }) => ({ index, code })),
      );
      expect(sorted((await takeAll()).flat())).toEqual(sorted(idsOf(batch).slice(0, 5)));
    });

    it('was not finished is finished once, though the partitions become more and fewer again', async () => {
      await start(4, { QUEUE_MAX_EVENTS: '8' });
      const batches = Array.from({ length: 8 }, () => randomUUID()).map((batchId) => ({
        batchId,
        events: spread(batchId),
      }));
      for (const batch of batches) await collector.client.publish(encodeRequest(batch));
      const taken = (await takeAll()).flat();
      const roomy = await other({});
      for (const partitions of [7, 4, 2, 4]) {
        await queue.resize(partitions);
        for (const batch of [...batches, ...batches]) {
          const { response } = await roomy.client.publish(encodeRequest(batch));
          expect(response).toMatchObject({ accepted: 6 });
        }
        taken.push(...(await takeAll()).flat());
      }
      await roomy.stop();
      expect(sorted(taken)).toEqual(sorted(idsOf(...batches)));
    });
  });

  it('waits for the queue as long as its patience lasts, also after the partitions have changed', async () => {
    await start(2, { COLLECTOR_QUEUE_PATIENCE_MS: '20000' });
    redis.pause();
    const publishing = publish({ batchId: randomUUID(), events: eventsOf(10) });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    redis.resume();
    expect(await publishing).toMatchObject({ accepted: 10 });
  });

  it('loses and doubles nothing while the partitions become more and fewer under load', async () => {
    await start(2, { COLLECTOR_QUEUE_PATIENCE_MS: '20000' });
    const batches = Array.from({ length: 400 }, () => ({
      batchId: randomUUID(),
      events: eventsOf(10),
    }));
    const taken: string[] = [];
    let sending = true;
    const load = async () => {
      for (const batch of batches) {
        const answers = await Promise.all([publish(batch), publish(batch)]);
        for (const answer of answers) expect(answer).toMatchObject({ accepted: 10 });
      }
      sending = false;
    };
    const changes = async () => {
      for (let n = 0; sending; n++) {
        taken.push(...(await takeAll()).flat());
        await queue.resize([5, 2, 7, 3, 1][n % 5]!).catch((error: { code: string }) => {
          if (error.code !== 'CONFIG_INVALID') throw error;
        });
        // A batch is routed anew after each change: it must come to an end between two of them.
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    };
    await Promise.all([load(), changes()]);
    taken.push(...(await takeAll()).flat());
    expect(sorted(taken)).toEqual(sorted(idsOf(...batches)));
  }, 60_000);

  it('goes on with a stream whose partition is given up', async () => {
    await start(6);
    const { call, answer } = collector.client.openStream();
    const events = eventsOf(600);
    for (const event of events.slice(0, 300)) call.write(encodeEvent(event));
    await until(async () => (await total('enqueued')) === 300);
    const early = (await takeAll()).flat();
    await queue.resize(2);
    for (const event of events.slice(300)) call.write(encodeEvent(event));
    call.end();
    expect((await answer).response).toMatchObject({ success: true, accepted: 600 });
    const late = (await takeAll()).flat();
    expect(sorted([...early, ...late])).toEqual(sorted(events.map(({ eventId }) => eventId)));
  });

  it('gives the queue its partitions once it is back, where it was away at the start', async () => {
    redis.pause();
    collector = await CollectorOnRedis.start(redis, { QUEUE_PARTITIONS: '3' });
    redis.resume();
    queue = await openQueue(collector.queueName);
    await until(() => queue.partitionCount() === 3);
  });

  it('does not start with fewer partitions than hold events, and says why', async () => {
    await start(3);
    await publish({ events: eventsOf(100) });
    const { queueName } = collector;
    await expect(
      CollectorOnRedis.start(redis, { QUEUE_PARTITIONS: '1', QUEUE_NAME: queueName }),
    ).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/cannot shrink from 3 to 1 partitions: .* QUEUE_PARTITIONS=3/),
    });
  });

  async function total(what: 'enqueued'): Promise<number> {
    let sum = 0;
    for (let partition = 0; partition < queue.partitionCount(); partition++) {
      sum += (await queue.stats(partition))[what];
    }
    return sum;
  }
});
