import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { decodeStoredEvent, RejectionCode } from '@event-pipeline/contracts';
import { startRedisServer, type RedisServer } from '@event-pipeline/queue/testing';
import { encodeEvent, encodeRequest, RawClient, validEvent } from './testing/raw-client';
import { startCollector, type StartedCollector } from './testing/start-collector';

let redis: RedisServer;
let collector: StartedCollector;
let client: RawClient;
let queueName: string;

beforeAll(async () => {
  redis = await startRedisServer();
});

afterAll(() => redis.stop());

async function start(variables: Record<string, string> = {}): Promise<void> {
  queueName = `q_${randomUUID()}`;
  collector = await startCollector({
    QUEUE_URL: redis.url,
    QUEUE_NAME: queueName,
    COLLECTOR_QUEUE_PATIENCE_MS: '1000',
    REDIS_COMMAND_TIMEOUT_MS: '500',
    ...variables,
  });
  client = new RawClient(collector.address);
}

afterEach(async () => {
  client.close();
  await collector.stop();
  await redis.command('flushall');
});

const backlog = () => redis.command('llen', queueName);
const idOf = (n: number) => `11111111-1111-4111-8111-${String(n).padStart(12, '0')}`;
const eventsFrom = (from: number, count: number, more = {}) =>
  Array.from({ length: count }, (_, i) => validEvent({ eventId: idOf(from + i), ...more }));

/** The queued events, oldest first. */
async function queued() {
  const bodies = (await redis.command('lrange', queueName, 0, -1)) as string[];
  return bodies.reverse().map(decodeStoredEvent);
}

describe('StreamEvents', () => {
  it('answers success once every event is in the queue, in the order they were sent', async () => {
    await start();
    const { response } = await client.stream(eventsFrom(1, 5_000).map(encodeEvent));
    expect(response).toEqual({
      success: true,
      received: 5_000,
      accepted: 5_000,
      rejected: 0,
      rejections: [],
    });
    expect(await backlog()).toBe(5_000);
    const ids = (await queued()).map(({ eventId }) => eventId);
    expect(ids).toEqual(eventsFrom(1, 5_000).map(({ eventId }) => eventId));
  });

  it('answers an empty stream with success', async () => {
    await start();
    expect((await client.stream([])).response).toMatchObject({ success: true, received: 0 });
  });

  it('rejects each bad event by name and queues everything before, between and after', async () => {
    await start();
    const bad: [Buffer, RejectionCode, RegExp][] = [
      [
        encodeEvent(validEvent({ eventId: 'abc' })),
        RejectionCode.REJECTION_CODE_INVALID_EVENT_ID,
        /"abc".*UUID/,
      ],
      [
        encodeEvent(validEvent({ type: '' })),
        RejectionCode.REJECTION_CODE_INVALID_TYPE,
        /type is empty/,
      ],
      [
        encodeEvent(validEvent({ timestamp: Date.UTC(2100, 0, 1) })),
        RejectionCode.REJECTION_CODE_INVALID_TIMESTAMP,
        /one day ahead/,
      ],
      [timestampAbove2to53(), RejectionCode.REJECTION_CODE_INVALID_TIMESTAMP, /9007199254740993/],
      [invalidUtf8Type(), RejectionCode.REJECTION_CODE_INVALID_TEXT, /UTF-8/],
      [
        encodeEvent(validEvent({ source: 'a\0b' })),
        RejectionCode.REJECTION_CODE_INVALID_TEXT,
        /U\+0000/,
      ],
      [
        Buffer.from('ffffffff0102030405', 'hex'),
        RejectionCode.REJECTION_CODE_UNDECODABLE,
        /not an event/,
      ],
      [
        encodeEvent(validEvent({ data: Buffer.from('{"a":') })),
        RejectionCode.REJECTION_CODE_INVALID_DATA,
        /not valid JSON/,
      ],
      [
        encodeEvent(validEvent({ data: Buffer.alloc(262_145, 0x31) })),
        RejectionCode.REJECTION_CODE_TOO_LARGE,
        /262145 bytes.*262144/,
      ],
      [Buffer.alloc(0), RejectionCode.REJECTION_CODE_INVALID_EVENT_ID, /event_id is empty/],
    ];
    const good = eventsFrom(1, bad.length + 1);
    const messages = good.flatMap((event, at) => {
      const after = bad[at];
      return after ? [encodeEvent(event), after[0]] : [encodeEvent(event)];
    });
    const { response } = await client.stream(messages);
    expect(response).toMatchObject({
      success: false,
      received: messages.length,
      accepted: good.length,
      rejected: bad.length,
    });
    expect(response?.rejections.map(({ index }) => index)).toEqual(bad.map((_, at) => 2 * at + 1));
    expect(response?.rejections.map(({ code }) => code)).toEqual(bad.map(([, code]) => code));
    bad.forEach(([, , message], at) => {
      expect(response?.rejections[at]?.message).toMatch(message);
    });
    expect((await queued()).map(({ eventId }) => eventId)).toEqual(good.map((e) => e.eventId));
  });

  it('lists the first hundred rejections in full and counts the others', async () => {
    await start();
    const { response } = await client.stream(eventsFrom(1, 250, { type: '?' }).map(encodeEvent));
    expect(response).toMatchObject({ success: false, accepted: 0, rejected: 250 });
    expect(response?.rejections).toHaveLength(100);
  });

  it('keeps everything an event brings, an attribute named __proto__ too', async () => {
    await start();
    const attributes = new Map([
      ['__proto__', 'x'],
      ['constructor', 'y'],
      ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
    ]);
    const data = '{"big":12345678901234567890,"b":1,"a":2,"a":3}';
    await client.stream([
      encodeEvent(
        validEvent({
          eventId: 'AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE',
          attributes,
          data: Buffer.from(data),
          source: 'shop',
          partitionKey: 'user-1',
          schemaVersion: '2',
        }),
      ),
      encodeEvent(
        validEvent({ data: Buffer.from([0, 255]), dataContentType: 'application/x-bin' }),
      ),
    ]);
    const [first, second] = await queued();
    expect(first).toMatchObject({
      eventId: 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee',
      source: 'shop',
      partitionKey: 'user-1',
      schemaVersion: '2',
    });
    expect(Object.entries(first?.attributes ?? {})).toEqual([...attributes]);
    expect(second).toMatchObject({ data: Buffer.from([0, 255]) });
    const bodies = (await redis.command('lrange', queueName, -1, -1)) as string[];
    expect(bodies[0]).toContain(`"data":${data}}`);
  });

  it('ends a stream at a message that is too large; what came before it is queued', async () => {
    await start();
    const other = client.openStream();
    other.call.write(encodeEvent(validEvent()));
    const { error, details } = (await client.stream([
      ...eventsFrom(1, 3).map(encodeEvent),
      encodeEvent(validEvent({ data: Buffer.alloc(10 * 1_048_576, 0x31) })),
    ])) as { error: { code: number }; details: object };
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(details).not.toHaveProperty('retryDelayMs');
    other.call.end();
    expect((await other.answer).response).toMatchObject({ success: true, accepted: 1 });
    await until(async () => (await backlog()) === 4);
  });

  it('queues what it read from a client that goes away in mid-stream, and serves the others', async () => {
    await start();
    const leaving = client.openStream();
    const staying = client.openStream();
    for (const event of eventsFrom(1, 50)) leaving.call.write(encodeEvent(event));
    staying.call.write(encodeEvent(validEvent()));
    await until(async () => (await backlog()) === 51);
    leaving.call.cancel();
    expect((await leaving.answer).error?.code).toBe(status.CANCELLED);
    staying.call.write(encodeEvent(validEvent()));
    staying.call.end();
    expect((await staying.answer).response).toMatchObject({ success: true, accepted: 2 });
    expect(await backlog()).toBe(52);
  });

  it('stops reading while Redis does not answer, and loses nothing when it does again', async () => {
    await start({ COLLECTOR_MAX_IN_FLIGHT_EVENTS: '500', COLLECTOR_QUEUE_PATIENCE_MS: '30000' });
    redis.pause();
    const answer = client.stream(eventsFrom(1, 5_000).map(encodeEvent));
    try {
      await until(async () => (await metric('pipeline_in_flight_events')) === 500);
      expect(await metric('pipeline_events_received_total')).toBe(500);
    } finally {
      redis.resume();
    }
    expect((await answer).response).toMatchObject({ success: true, accepted: 5_000 });
    expect(await backlog()).toBe(5_000);
  });

  it('ends with UNAVAILABLE, when to retry and the accepted prefix while the queue is gone', async () => {
    await start();
    const { call, answer } = client.openStream();
    for (const event of eventsFrom(1, 10)) call.write(encodeEvent(event));
    await until(async () => (await backlog()) === 10);
    redis.pause();
    try {
      for (const event of eventsFrom(11, 10)) call.write(encodeEvent(event));
      const { error, details } = (await answer) as {
        error: { code: number; details: string };
        details: object;
      };
      expect(error).toMatchObject({
        code: status.UNAVAILABLE,
        details: 'the queue does not answer; try again',
      });
      expect(details).toMatchObject({
        retryDelayMs: 1_000,
        summary: { success: false, received: 20, accepted: 10, rejected: 0 },
      });
    } finally {
      redis.resume();
    }
  });

  it('ends with RESOURCE_EXHAUSTED and when to retry while the queue is full', async () => {
    await start({ QUEUE_MAX_EVENTS: '10' });
    await client.stream(eventsFrom(1, 10).map(encodeEvent));
    const answer = await client.stream(eventsFrom(11, 1).map(encodeEvent));
    expect(answer.error).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    expect(answer).toMatchObject({ details: { retryDelayMs: 1_000, summary: { accepted: 0 } } });
    expect(await backlog()).toBe(10);
  });
});

describe('PublishEvents', () => {
  it('queues a batch and names the events it refuses', async () => {
    await start();
    const [first, bad, last] = [validEvent(), validEvent({ type: '1' }), validEvent()];
    const { response } = await client.publish(encodeRequest({ events: [first, bad, last] }));
    expect(response).toMatchObject({ batchId: '', accepted: 2, duplicate: false });
    expect(response?.rejections).toMatchObject([
      { index: 1, eventId: bad.eventId, code: RejectionCode.REJECTION_CODE_INVALID_TYPE },
    ]);
    expect((await queued()).map(({ eventId }) => eventId)).toEqual([first.eventId, last.eventId]);
  });

  it('answers a batch id that comes again as the first time and queues nothing', async () => {
    await start();
    const batchId = randomUUID();
    const events = [validEvent(), validEvent({ timestamp: 1 }), validEvent()];
    const request = encodeRequest({ batchId, events });
    const first = await client.publish(request);
    expect(first.response).toMatchObject({ batchId, accepted: 2, duplicate: false });
    const again = await client.publish(request);
    expect(again.response).toEqual({ ...first.response, duplicate: true });
    expect(await backlog()).toBe(2);
    expect(await metric('pipeline_events_duplicate_total')).toBe(2);
  });

  it('refuses a batch id over other events and queues none of them', async () => {
    await start();
    const batchId = randomUUID();
    await client.publish(encodeRequest({ batchId, events: [validEvent()] }));
    const { error } = await client.publish(
      encodeRequest({ batchId, events: eventsFrom(1, 1_500) }),
    );
    expect(error).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: 'this batch_id was used for other events',
    });
    expect(await backlog()).toBe(1);
  });

  it('splits a large request and recognises it as a whole when it comes again', async () => {
    await start();
    const request = encodeRequest({ batchId: randomUUID(), events: eventsFrom(1, 2_500) });
    expect((await client.publish(request)).response).toMatchObject({ accepted: 2_500 });
    expect((await client.publish(request)).response).toMatchObject({
      accepted: 2_500,
      duplicate: true,
    });
    expect(await backlog()).toBe(2_500);
    expect((await queued()).map(({ eventId }) => eventId)).toEqual(
      eventsFrom(1, 2_500).map(({ eventId }) => eventId),
    );
  });

  it.each([
    ['a batch id that is no UUID', encodeRequest({ batchId: 'mine', events: [] }), /UUID/],
    ['bytes that are no request', Buffer.from('0aff', 'hex'), /not an event.PublishEventsRequest/],
    ['a batch id that is not UTF-8', Buffer.from('0a02fffe', 'hex'), /not an event/],
  ])('refuses %s', async (_, request, message) => {
    await start();
    const { error } = await client.publish(request);
    expect(error?.code).toBe(status.INVALID_ARGUMENT);
    expect(error?.details).toMatch(message);
  });

  it('names each event of the largest request where all are refused, and fails no neighbour', async () => {
    await start();
    const batchId = randomUUID();
    const events = Array.from({ length: 10_000 }, () => validEvent({ eventId: 'bad', type: 'x' }));
    const request = encodeRequest({ batchId, events });
    const neighbour = () => client.publish(encodeRequest({ events: [validEvent()] }));
    const answers = await Promise.all([neighbour(), client.publish(request), neighbour()]);
    expect(answers.map(({ response }) => response?.accepted)).toEqual([1, 0, 1]);
    expect(answers[1]?.response?.rejections).toHaveLength(10_000);
    const again = (await client.publish(request)).response;
    expect(again).toEqual({ ...answers[1]?.response, duplicate: true });
  });

  it('refuses a request with too many events, without a hint to send it again, and queues none', async () => {
    await start({ COLLECTOR_MAX_REQUEST_EVENTS: '10' });
    const answer = await client.publish(encodeRequest({ events: eventsFrom(1, 11) }));
    expect(answer.error).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: 'the request has more than 10 events; send them in several requests',
    });
    expect(answer).not.toHaveProperty('details.retryDelayMs');
    expect(await backlog()).toBe(0);
  });

  it('gives the budget of each batch back, whatever became of it', async () => {
    await start({ COLLECTOR_MAX_IN_FLIGHT_EVENTS: '10', QUEUE_MAX_EVENTS: '25' });
    const publish = (from: number) =>
      client.publish(encodeRequest({ events: eventsFrom(from, 10) }));
    expect((await publish(1)).response?.accepted).toBe(10);
    expect((await publish(11)).response?.accepted).toBe(10);
    expect((await publish(21)).error?.details).toMatch(/queue is full/);
    expect((await publish(21)).error?.details).toMatch(/queue is full/);
    const text = await (await fetch(`${collector.httpUrl}/metrics`)).text();
    expect(text).toContain('pipeline_calls_failed_total{code="QUEUE_FULL"} 2');
    expect(await metric('pipeline_in_flight_events')).toBe(0);
  });

  it('refuses with RESOURCE_EXHAUSTED and when to retry what exceeds the budget in flight', async () => {
    await start({ COLLECTOR_MAX_IN_FLIGHT_EVENTS: '10', COLLECTOR_QUEUE_PATIENCE_MS: '5000' });
    redis.pause();
    try {
      const held = client.publish(encodeRequest({ events: eventsFrom(1, 10) }));
      await until(async () => (await metric('pipeline_in_flight_events')) === 10);
      const answer = await client.publish(encodeRequest({ events: [validEvent()] }));
      expect(answer.error?.code).toBe(status.RESOURCE_EXHAUSTED);
      expect(answer).toMatchObject({ details: { retryDelayMs: 250 } });
      redis.resume();
      expect((await held).response).toMatchObject({ accepted: 10 });
    } finally {
      redis.resume();
    }
  });
});

describe('the collector', () => {
  it('drains when it stops: open streams end with the prefix that is durable', async () => {
    await start();
    const { call, answer } = client.openStream();
    for (const event of eventsFrom(1, 300)) call.write(encodeEvent(event));
    await until(async () => Number(await metric('pipeline_events_received_total')) > 0);
    await collector.stop();
    const { error, details } = (await answer) as {
      error: { code: number };
      details: { summary: { accepted: number; received: number } };
    };
    expect(error.code).toBe(status.UNAVAILABLE);
    expect(details.summary.accepted).toBe(details.summary.received);
    expect(await backlog()).toBe(details.summary.accepted);
  });

  it('says through health and readiness whether the queue answers', async () => {
    await start();
    const ready = async () => (await fetch(`${collector.httpUrl}/readyz`)).status;
    expect(await ready()).toBe(200);
    redis.pause();
    try {
      await until(async () => (await ready()) === 503);
    } finally {
      redis.resume();
    }
    await until(async () => (await ready()) === 200);
  });
});

async function metric(name: string): Promise<number | undefined> {
  const text = await (await fetch(`${collector.httpUrl}/metrics`)).text();
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.split(' ')[1]);
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries === 400) throw new Error('the condition did not come true');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Field 3 as a varint that no JavaScript number holds: 2^53 + 1. */
function timestampAbove2to53(): Buffer {
  const event = encodeEvent(validEvent({ timestamp: 0 }));
  return Buffer.concat([event, Buffer.from('18' + '81808080808080' + '10', 'hex')]);
}

function invalidUtf8Type(): Buffer {
  const event = encodeEvent(validEvent({ type: '' }));
  return Buffer.concat([event, Buffer.from('1203fffe61', 'hex')]);
}
