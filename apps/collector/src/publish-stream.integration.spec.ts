import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { RejectionCode, type PublishEventsRequest } from '@event-pipeline/contracts';
import { startRedisServer, type RedisServer } from '@event-pipeline/queue/testing';
import { MAX_UNANSWERED_BATCHES } from './grpc/publish-stream';
import { CollectorOnRedis, until } from './testing/collector-on-redis';
import { encodeRequest, validEvent, type OpenPublishStream } from './testing/raw-client';

let redis: RedisServer;
let collector: CollectorOnRedis;

beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(() => redis.stop());
afterEach(async () => {
  redis.resume();
  await collector.stop();
  await redis.command('flushall');
});

async function start(variables: Record<string, string> = {}): Promise<void> {
  collector = await CollectorOnRedis.start(redis, variables);
}

const open = () => collector.client.openPublishStream();
const batchOf = (count: number, more: Partial<PublishEventsRequest> = {}) => ({
  batchId: randomUUID(),
  events: Array.from({ length: count }, () => validEvent()),
  ...more,
});
const batches = (count: number, size: number) => Array.from({ length: count }, () => batchOf(size));
const send = ({ call }: OpenPublishStream, ...sent: Partial<PublishEventsRequest>[]) => {
  for (const batch of sent) call.write(encodeRequest(batch));
};
const idsOf = (...sent: Partial<PublishEventsRequest>[]) =>
  sent.flatMap(({ events = [] }) => events.map(({ eventId }) => eventId));
const batchIds = (of: readonly { batchId?: string }[]) => of.map(({ batchId }) => batchId);
const answered = (stream: OpenPublishStream, count: number) =>
  until(() => stream.answers.length === count);
/** Sends everything, as fast as it is taken. */
async function sendAll({ call }: OpenPublishStream, sent: readonly Buffer[]): Promise<void> {
  for (const request of sent) if (!call.write(request)) await once(call, 'drain');
}

describe('a stream of batches', () => {
  it('answers each batch while the stream goes on, once it is in the queue', async () => {
    await start();
    const stream = open();
    for (let n = 1; n <= 3; n++) {
      const batch = batchOf(2);
      send(stream, batch);
      await answered(stream, n);
      expect(stream.answers.at(-1)).toEqual({
        batchId: batch.batchId,
        accepted: 2,
        rejections: [],
        duplicate: false,
      });
      expect(await collector.backlog()).toBe(2 * n);
    }
    stream.call.end();
    expect((await stream.status).code).toBe(status.OK);
  });

  it('answers in the order of the requests and queues in that order, large ones in between', async () => {
    await start();
    const stream = open();
    const sent = [
      ...[...batches(40, 3), batchOf(2_500), ...batches(40, 1), batchOf(1_001)],
      ...[batchOf(0), ...batches(10, 7)],
    ];
    send(stream, ...sent);
    stream.call.end();
    expect((await stream.status).code).toBe(status.OK);
    expect(batchIds(stream.answers)).toEqual(batchIds(sent));
    expect(stream.answers.map(({ accepted }) => accepted)).toEqual(
      sent.map(({ events }) => events.length),
    );
    expect(await collector.queuedIds()).toEqual(idsOf(...sent));
  });

  it('has several batches on their way at once', async () => {
    await start({ COLLECTOR_QUEUE_PATIENCE_MS: '30000' });
    const stream = open();
    redis.pause();
    send(stream, ...batches(10, 1));
    await until(async () => (await collector.metric('pipeline_in_flight_events')) === 10);
    expect(stream.answers).toEqual([]);
    redis.resume();
    await answered(stream, 10);
  });

  it('answers a batch without an id, an empty one, and names rejected events beside good ones', async () => {
    await start();
    const stream = open();
    const mixed = batchOf(3);
    mixed.events[1] = validEvent({ type: '?' });
    send(stream, batchOf(1, { batchId: '' }), batchOf(0), mixed);
    await answered(stream, 3);
    expect(stream.answers).toMatchObject([
      { batchId: '', accepted: 1, rejections: [] },
      { accepted: 0, rejections: [] },
      {
        batchId: mixed.batchId,
        accepted: 2,
        rejections: [{ index: 1, code: RejectionCode.REJECTION_CODE_INVALID_TYPE }],
      },
    ]);
    expect(await collector.backlog()).toBe(3);
  });

  it('counts what it received, accepted, refused and acknowledged', async () => {
    await start();
    const stream = open();
    const batch = batchOf(5);
    const bad = batchOf(2, { events: [validEvent(), validEvent({ type: '?' })] });
    send(stream, batch, batch, bad);
    await answered(stream, 3);
    expect(await collector.metric('pipeline_events_received_total')).toBe(12);
    expect(await collector.metric('pipeline_events_accepted_total')).toBe(11);
    expect(await collector.metric('pipeline_events_duplicate_total')).toBe(5);
    expect(await collector.metric('pipeline_events_rejected_total{reason="invalid_type"}')).toBe(1);
    expect(await collector.metric('pipeline_ack_seconds_count')).toBe(3);
    expect(await collector.metric('pipeline_in_flight_events')).toBe(0);
  });
});

describe('a batch id in a stream', () => {
  it('that comes again gets the first answer again, and nothing is queued twice', async () => {
    await start();
    const first = open();
    const batch = batchOf(3);
    batch.events[2] = validEvent({ timestamp: 1 });
    send(first, batch, batch);
    await answered(first, 2);
    const second = open();
    send(second, batch);
    await answered(second, 1);
    const [once, ...again] = [...first.answers, ...second.answers];
    expect(once).toMatchObject({ accepted: 2, duplicate: false });
    expect(again).toEqual(Array(2).fill({ ...once, duplicate: true }));
    expect(await collector.queuedIds()).toEqual(idsOf(batch).slice(0, 2));
  });

  it('that comes again after its window is queued anew', async () => {
    await start();
    const stream = open();
    const batch = batchOf(2);
    send(stream, batch);
    await answered(stream, 1);
    const key = `{${collector.queueName}}:batch:${batch.batchId}/0`;
    const left = Number(await redis.command('pttl', key));
    expect(left).toBeGreaterThan(14 * 60_000);
    expect(left).toBeLessThanOrEqual(15 * 60_000);
    // What is left of the window, taken away from outside.
    await redis.command('pexpire', key, 1);
    await until(async () => (await redis.command('exists', key)) === 0);
    send(stream, batch);
    await answered(stream, 2);
    expect(stream.answers[1]).toMatchObject({ accepted: 2, duplicate: false });
    expect(await collector.queuedIds()).toEqual(idsOf(batch, batch));
  });
});

/** A batch id of the tests that use it twice. */
const REUSED = '7c1f1f0e-53a5-4a0c-b1c0-0a6f8a3f5a11';

describe('a batch that is refused as a whole', () => {
  it.each([
    [
      'an id used for other events',
      () => encodeRequest(batchOf(1, { batchId: REUSED })),
      status.INVALID_ARGUMENT,
      `batch 3 of the stream (batch_id ${REUSED}): this batch_id was used for other events`,
    ],
    [
      'an id that is no UUID',
      () => encodeRequest(batchOf(1, { batchId: 'm\u001bine' })),
      status.INVALID_ARGUMENT,
      'batch 3 of the stream: batch_id is "m\\u001bine"; expected a UUID',
    ],
    [
      'bytes that are no request',
      () => Buffer.from('0aff', 'hex'),
      status.INVALID_ARGUMENT,
      'batch 3 of the stream: the bytes are not an event.PublishEventsRequest message',
    ],
    [
      'too many events',
      () => encodeRequest(batchOf(11)),
      status.RESOURCE_EXHAUSTED,
      'batch 3 of the stream: the request has more than 10 events; send them in several requests',
    ],
  ])(
    'ends the stream, named by its position, when those before it are answered: %s',
    async (_, refused, code, details) => {
      await start({ COLLECTOR_MAX_REQUEST_EVENTS: '10' });
      const stream = open();
      const before = [batchOf(1, { batchId: REUSED }), ...batches(2, 2)];
      send(stream, ...before);
      stream.call.write(refused());
      send(stream, ...batches(3, 1));
      const end = await stream.status;
      expect(end).toMatchObject({ code, details });
      expect(end).not.toHaveProperty('retryDelayMs');
      expect(batchIds(stream.answers)).toEqual(batchIds(before));
      expect((await collector.queuedIds()).slice(0, 5)).toEqual(idsOf(...before));
      await until(async () => (await collector.metric('pipeline_in_flight_events')) === 0);
    },
  );

  it('does not keep a client that goes on writing from its status', async () => {
    await start();
    const stream = open();
    stream.call.write(Buffer.from('0aff', 'hex'));
    let over = false;
    void stream.status.then(() => (over = true));
    const request = encodeRequest(batchOf(1_000));
    while (!over) {
      if (!stream.call.write(request)) {
        await Promise.race([once(stream.call, 'drain').catch(() => undefined), stream.status]);
      }
    }
    expect((await stream.status).code).toBe(status.INVALID_ARGUMENT);
    const next = open();
    send(next, batchOf(1));
    await answered(next, 1);
  });

  it('keeps nothing of the streams beside it', async () => {
    await start();
    const [bad, good] = [open(), open()];
    send(good, batchOf(1));
    bad.call.write(Buffer.from('0aff', 'hex'));
    await bad.status;
    send(good, batchOf(1));
    await answered(good, 2);
  });
});

describe('a batch that cannot be queued', () => {
  it('ends the stream with RESOURCE_EXHAUSTED and when to retry while the queue is full', async () => {
    await start({ QUEUE_MAX_EVENTS: '10' });
    const stream = open();
    const [first, second] = [batchOf(10), batchOf(1)];
    send(stream, first, second);
    expect(await stream.status).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      retryDelayMs: 1_000,
      details:
        `batch 1 of the stream (batch_id ${second.batchId}): ` +
        'the queue is full; try again when workers have caught up',
    });
    expect(batchIds(stream.answers)).toEqual([first.batchId]);
    expect(await collector.metric('pipeline_calls_failed_total{code="QUEUE_FULL"}')).toBe(1);
  });

  it('ends the stream with UNAVAILABLE while the queue is gone; sent again it is queued once', async () => {
    await start();
    const stream = open();
    const first = batchOf(10);
    send(stream, first);
    await answered(stream, 1);
    redis.pause();
    const lost = batches(5, 10);
    send(stream, ...lost);
    const end = await stream.status;
    expect(end).toMatchObject({ code: status.UNAVAILABLE, retryDelayMs: 1_000 });
    expect(end.details).toMatch(/^batch 1 of the stream .*the queue does not answer; try again$/);
    redis.resume();
    const next = open();
    send(next, ...lost);
    await answered(next, 5);
    expect(await collector.queuedIds()).toEqual(idsOf(first, ...lost));
  });
});

describe('back-pressure in a stream of batches', () => {
  const patient = { COLLECTOR_QUEUE_PATIENCE_MS: '30000' };
  const received = () => collector.metric('pipeline_events_received_total');
  /** Whatever the collector is about to read, it has read: it has answered others meanwhile. */
  const settled = async () => {
    const other = collector.newClient();
    for (let n = 0; n < 50; n++) await other.publish(Buffer.from('0aff', 'hex'));
    other.close();
  };

  it('stops reading at a number of unanswered batches, and loses nothing', async () => {
    await start(patient);
    const stream = open();
    const sent = batches(100, 1);
    redis.pause();
    send(stream, ...sent);
    await until(async () => (await received()) >= MAX_UNANSWERED_BATCHES);
    await settled();
    expect(await received()).toBe(MAX_UNANSWERED_BATCHES);
    redis.resume();
    await answered(stream, 100);
    expect(batchIds(stream.answers)).toEqual(batchIds(sent));
    expect(await collector.queuedIds()).toEqual(idsOf(...sent));
  });

  it('waits, instead of refusing, while the budget is used up', async () => {
    await start({ ...patient, COLLECTOR_MAX_IN_FLIGHT_EVENTS: '10' });
    const [one, other] = [open(), open()];
    const sent = batches(10, 4);
    redis.pause();
    send(one, ...sent);
    send(other, batchOf(4));
    await until(async () => (await received()) >= 8);
    await settled();
    expect(await received()).toBe(8);
    redis.resume();
    await answered(one, 10);
    await answered(other, 1);
    expect(batchIds(one.answers)).toEqual(batchIds(sent));
    expect(await collector.backlog()).toBe(44);
  });

  it('reads one request ahead of the budget, and no more', async () => {
    await start({ ...patient, COLLECTOR_MAX_IN_FLIGHT_BYTES: '1000000' });
    const stream = open();
    const data = Buffer.from(`"${'x'.repeat(200_000)}"`);
    const events = () => Array.from({ length: 4 }, () => validEvent({ data }));
    const sent = Array.from({ length: 20 }, () => batchOf(0, { events: events() }));
    redis.pause();
    let taken = 0;
    for (const batch of sent) stream.call.write(encodeRequest(batch), () => (taken += 1));
    await until(() => taken >= 3);
    await settled();
    // One in flight, one that waits for the budget, one read ahead; a fourth is partly on its way.
    expect(taken).toBe(3);
    redis.resume();
    await answered(stream, 20);
  });

  it.each([
    // What HTTP/2 holds for a stream (64 KiB), what the client holds (more with newer Node.js), and the
    // unanswered batches.
    ['many small answers', 12_000, () => batchOf(1), 6_000],
    // And where answers are large, as many of them as fit 256 KiB.
    ['large answers', 300, () => batchOf(0, { events: rejected() }), 20],
  ])(
    'stops reading from a client that does not read its answers, and goes on when it does: %s',
    async (_, count, makeBatch, most) => {
      await start();
      const stream = open();
      const sent = Array.from({ length: count }, makeBatch);
      const size = sent[0]!.events.length;
      const [first, ...others] = sent.map(encodeRequest);
      stream.call.write(first!);
      // grpc-js' client takes everything as long as it has never read.
      await answered(stream, 1);
      stream.call.pause();
      const sending = sendAll(stream, others);
      await until(async () => {
        const before = await received();
        await settled();
        return before > size && (await received()) === before;
      });
      expect(await received()).toBeLessThan(most * size);
      expect(await collector.metric('pipeline_in_flight_events')).toBe(0);
      expect(stream.answers).toHaveLength(1);

      stream.call.resume();
      await sending;
      stream.call.end();
      expect((await stream.status).code).toBe(status.OK);
      expect(batchIds(stream.answers)).toEqual(batchIds(sent));
      expect(await received()).toBe(count * size);
    },
  );

  /** Events whose answer is larger than they are. */
  const rejected = () => Array.from({ length: 200 }, () => validEvent({ type: '?'.repeat(60) }));

  it('does not stop a client that writes first and reads later from hearing how it ended', async () => {
    await start();
    const stream = open();
    send(stream, batchOf(1));
    await answered(stream, 1);
    stream.call.pause();
    // The status has to wait behind answers that are more than HTTP/2 holds.
    const sent = Array.from({ length: 6 }, () => batchOf(0, { events: rejected() }));
    send(stream, ...sent);
    stream.call.write(Buffer.from('0aff', 'hex'));
    await sendAll(stream, Array<Buffer>(100).fill(encodeRequest(batchOf(1_000))));
    stream.call.resume();
    expect((await stream.status).code).toBe(status.INVALID_ARGUMENT);
    expect(stream.answers).toHaveLength(7);
  });
});

describe('the end of a stream of batches', () => {
  it('answers everything that was read before the client ended, then OK', async () => {
    await start();
    const stream = open();
    const sent = batches(200, 5);
    await sendAll(stream, sent.map(encodeRequest));
    stream.call.end();
    expect((await stream.status).code).toBe(status.OK);
    expect(batchIds(stream.answers)).toEqual(batchIds(sent));
  });

  it('without any batch is OK', async () => {
    await start();
    const stream = open();
    stream.call.end();
    expect((await stream.status).code).toBe(status.OK);
    expect(stream.answers).toEqual([]);
  });

  it('by a client that goes away leaves what is queued, and gives every budget back once', async () => {
    await start({ COLLECTOR_QUEUE_PATIENCE_MS: '30000', COLLECTOR_MAX_IN_FLIGHT_EVENTS: '20' });
    const leaving = collector.newClient();
    const stream = leaving.openPublishStream();
    const sent = batches(10, 8);
    send(stream, sent[0]!);
    await answered(stream, 1);
    redis.pause();
    send(stream, ...sent.slice(1));
    // Two are on their way; the next one waits for the budget.
    await until(async () => (await collector.metric('pipeline_in_flight_events')) === 16);
    stream.call.cancel();
    leaving.close();
    expect((await stream.status).code).toBe(status.CANCELLED);
    redis.resume();
    await until(async () => (await collector.metric('pipeline_in_flight_events')) === 0);
    expect(await collector.queuedIds()).toEqual(idsOf(...sent.slice(0, 3)));
    expect(await collector.metric('pipeline_in_flight_bytes')).toBe(0);
    const next = open();
    send(next, batchOf(20));
    await answered(next, 1);
  });

  it('at a message that is too large comes at once; what came before it is queued', async () => {
    await start({ COLLECTOR_MAX_REQUEST_BYTES: '1000000' });
    const stream = open();
    const before = batches(3, 2);
    send(stream, ...before);
    await answered(stream, 3);
    const unheard = batchOf(2);
    send(stream, unheard);
    stream.call.write(Buffer.alloc(1_000_001));
    const end = await stream.status;
    expect(end.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(end).not.toHaveProperty('retryDelayMs');
    // An answer that was not ready when grpc-js ended the stream never comes.
    expect(batchIds(stream.answers).slice(0, 3)).toEqual(batchIds(before));
    await until(async () => (await collector.backlog()) === 8);
    expect(await collector.metric('pipeline_in_flight_events')).toBe(0);
  });

  it('by a collector that shuts down: what was read is answered, then UNAVAILABLE', async () => {
    await start({ COLLECTOR_QUEUE_PATIENCE_MS: '30000' });
    const [busy, idle, ended] = [open(), open(), open()];
    send(idle, batchOf(1));
    await answered(idle, 1);
    redis.pause();
    const sent = batches(100, 1);
    send(busy, ...sent);
    send(ended, batchOf(1));
    ended.call.end();
    const inFlight = MAX_UNANSWERED_BATCHES + 1;
    await until(async () => (await collector.metric('pipeline_in_flight_events')) === inFlight);
    const stopped = collector.drain();
    expect(await idle.status).toMatchObject({ code: status.UNAVAILABLE, retryDelayMs: 100 });
    const late = open();
    expect(await late.status).toMatchObject({
      code: status.UNAVAILABLE,
      retryDelayMs: 100,
      details: 'this collector is shutting down; try again',
    });
    redis.resume();
    expect(await busy.status).toMatchObject({
      code: status.UNAVAILABLE,
      retryDelayMs: 100,
      details: 'this collector is shutting down; try again',
    });
    expect(batchIds(busy.answers)).toEqual(batchIds(sent.slice(0, MAX_UNANSWERED_BATCHES)));
    expect((await ended.status).code).toBe(status.OK);
    expect(ended.answers).toHaveLength(1);
    await stopped;
    expect(await collector.backlog()).toBe(inFlight + 1);
  });
});
