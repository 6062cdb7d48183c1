import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { FRAME, RawHttp2, Scratch, grpcMessage, until } from '@event-pipeline/runtime/testing';
import { encodeEvent, encodeRequest, RawClient, validEvent } from '../testing/raw-client';
import { startCollector, type StartedCollector } from '../testing/start-collector';
import type { LimitName } from './limit-names';

/** NGHTTP2_ENHANCE_YOUR_CALM (RFC 9113, section 7). */
const ENHANCE_YOUR_CALM = 0xb;
const PUBLISH = '/event.EventService/PublishEvents';
const STREAM = '/event.EventService/StreamEvents';

const scratch = new Scratch();
afterEach(() => scratch.clean());

let collector: StartedCollector;

async function start(variables: Record<string, string> = {}): Promise<void> {
  const folder = await scratch.folder();
  collector = await startCollector({
    QUEUE_URL: `embedded:${join(folder, 'queue')}`,
    ...variables,
  });
  scratch.afterwards(() => collector.stop());
}

async function open(from?: string): Promise<RawHttp2> {
  const raw = await RawHttp2.open(collector.address, from);
  scratch.afterwards(() => raw.close());
  return raw;
}

/** Open, and known to the collector. */
async function openForSure(from?: string): Promise<RawHttp2> {
  const raw = await open(from);
  await until('the greeting is answered', () => raw.of(FRAME.settings).length > 0);
  return raw;
}

function client(): RawClient {
  const made = new RawClient(collector.address);
  scratch.afterwards(() => made.close());
  return made;
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${collector.httpUrl}/metrics`)).text();
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return Number(line?.split(' ')[1]);
}

const hits = (limit: LimitName): Promise<number> =>
  metric(`pipeline_limit_hits_total{limit="${limit}"}`);

/** Everybody else is served as ever. */
async function expectService(): Promise<void> {
  const { error } = await client().publish(encodeRequest({ events: [validEvent()] }));
  expect(error).toBeUndefined();
}

const closed = (raw: RawHttp2): Promise<unknown> => until('it is closed', () => raw.isClosed);
/** The collector has ended the call, with a status or by a reset. */
const isOver = (raw: RawHttp2, stream: number) => () =>
  raw.of(FRAME.headers, stream).some(({ flags }) => (flags & 1) === 1) ||
  raw.of(FRAME.reset, stream).length > 0;

describe('connections to the gRPC port', () => {
  it('above their number are closed, and there is room again when one has ended', async () => {
    await start({ COLLECTOR_MAX_CONNECTIONS: '2' });
    const [first] = [await openForSure(), await openForSure()];
    await closed(await open());
    expect(await hits('connections')).toBe(1);
    expect(await metric('pipeline_connections')).toBe(2);
    first.close();
    await until('one is gone', async () => (await metric('pipeline_connections')) === 1);
    await expectService();
  });

  it('of one address above their number are closed, those of another are taken', async () => {
    await start({ COLLECTOR_MAX_CONNECTIONS_PER_ADDRESS: '1' });
    await openForSure('127.0.0.2');
    await closed(await open('127.0.0.2'));
    expect(await hits('address-connections')).toBe(1);
    await expectService();
  });

  it('that never speak HTTP/2 are closed', async () => {
    await start({ COLLECTOR_HANDSHAKE_MS: '100' });
    const silent = await RawHttp2.dial(collector.address);
    scratch.afterwards(() => silent.close());
    await closed(silent);
    expect(await hits('handshake')).toBe(1);
  });

  it('without a call for too long are asked to end', async () => {
    await start({ COLLECTOR_CONNECTION_IDLE_MS: '100' });
    const idle = await openForSure();
    await closed(idle);
    expect(idle.goAwayCode).toBe(0);
    expect(await hits('connection-idle')).toBe(1);
  });

  it('of their age are asked to end; a stream on it is answered with what is queued of it', async () => {
    await start({
      COLLECTOR_CONNECTION_AGE_MS: '200',
      COLLECTOR_CONNECTION_AGE_GRACE_MS: '100',
    });
    const { call, answer } = client().openStream();
    call.write(encodeEvent(validEvent()));
    expect(await answer).toMatchObject({
      error: { code: status.UNAVAILABLE },
      details: { summary: { received: 1, accepted: 1 } },
    });
    expect(await hits('connection-age')).toBe(1);
    await expectService();
  });

  it('that go on after age, grace and answers are cut', async () => {
    await start({
      COLLECTOR_CONNECTION_AGE_MS: '1',
      COLLECTOR_CONNECTION_AGE_GRACE_MS: '1',
      COLLECTOR_REQUEST_TIME_MS: '60000',
    });
    const held = await openForSure();
    held.data(held.begin(PUBLISH), grpcMessage(Buffer.alloc(1), 100));
    await closed(held);
    expect(held.of(FRAME.goAway).length).toBeGreaterThan(0);
  });

  it('that flood it with pings are cut, at the limit and not before', async () => {
    await start({ COLLECTOR_MAX_PINGS_PER_MINUTE: '20' });
    const flood = await openForSure('127.0.0.2');
    for (let count = 0; count < 20; count++) flood.ping();
    await until('all pings are answered', () => flood.of(FRAME.ping).length === 20);
    for (let count = 0; count < 20; count++) flood.ping();
    await closed(flood);
    expect(flood.goAwayCode).toBe(ENHANCE_YOUR_CALM);
    expect(await hits('pings')).toBe(1);
    await expectService();
  });

  it('may send a ping for each answer, as clients do that measure their way', async () => {
    await start({ COLLECTOR_MAX_PINGS_PER_MINUTE: '5' });
    const busy = await openForSure();
    for (let count = 0; count < 60; count++) {
      const request = encodeRequest({ events: [validEvent()] });
      const stream = busy.begin(PUBLISH);
      busy.data(stream, grpcMessage(request), true);
      await until('it is answered', isOver(busy, stream));
      busy.ping();
      await until('the ping is answered', () => busy.of(FRAME.ping).length === count + 1);
    }
    expect(await hits('pings')).toBe(0);
  });

  it('that begin and reset calls at speed are cut', async () => {
    await start({ COLLECTOR_MAX_RESETS_PER_MINUTE: '50' });
    const burst = await openForSure('127.0.0.2');
    for (let count = 0; count < 200; count++) burst.reset(burst.begin(STREAM));
    await closed(burst);
    expect(burst.goAwayCode).toBe(ENHANCE_YOUR_CALM);
    expect(await hits('resets')).toBe(1);
    await expectService();
  });

  it('are refused to an address for a while after a flood, and taken again then', async () => {
    await start({ COLLECTOR_MAX_PINGS_PER_MINUTE: '5', COLLECTOR_PENALTY_MS: '500' });
    const kept = await openForSure('127.0.0.2');
    const flood = await openForSure('127.0.0.2');
    for (let count = 0; count < 6; count++) flood.ping();
    await closed(flood);
    await closed(await open('127.0.0.2'));
    expect(await hits('penalty')).toBe(1);
    expect(kept.isClosed).toBe(false);
    await expectService();
    await until('it is taken again', async () => {
      const again = await open('127.0.0.2');
      await until('it is decided', () => again.isClosed || again.of(FRAME.settings).length > 0);
      return !again.isClosed;
    });
  });

  it('that open more calls than they were granted are cut', async () => {
    await start({ COLLECTOR_MAX_STREAMS_PER_CONNECTION: '3' });
    const greedy = await openForSure('127.0.0.2');
    for (let count = 0; count < 3; count++) {
      greedy.data(greedy.begin(STREAM), grpcMessage(encodeEvent(validEvent())));
    }
    await until(
      'three are open',
      async () => (await metric('pipeline_events_received_total')) === 3,
    );
    greedy.begin(STREAM);
    await closed(greedy);
    expect(await hits('streams')).toBe(1);
    await expectService();
  });

  it('that speak something else are cut', async () => {
    await start();
    const other = await RawHttp2.dial(collector.address, '127.0.0.2');
    scratch.afterwards(() => other.close());
    other.socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await closed(other);
    expect(await hits('protocol')).toBe(1);
    await expectService();
  });
});

describe('a call of the gRPC port', () => {
  it('with too much metadata is refused, and others of its connection go on', async () => {
    await start({ COLLECTOR_MAX_METADATA_BYTES: '1000' });
    const raw = await openForSure();
    const stream = raw.begin(PUBLISH, { 'x-large': 'x'.repeat(1_000) });
    await until('it is over', isOver(raw, stream));
    expect(await hits('metadata')).toBe(1);
    const other = raw.begin(PUBLISH, { 'x-small': 'x'.repeat(100) });
    raw.data(other, grpcMessage(encodeRequest({ events: [validEvent()] })), true);
    await until('it is answered', isOver(raw, other));
    expect(raw.of(FRAME.data, other)).toHaveLength(1);
  });

  it('with metadata without any measure is reset', async () => {
    await start({ COLLECTOR_MAX_METADATA_BYTES: '1000' });
    const raw = await openForSure();
    const stream = raw.begin(PUBLISH, {
      'x-large': 'x'.repeat(50_000),
      'y-large': 'y'.repeat(50_000),
    });
    await until('it is over', () => isOver(raw, stream)() || raw.isClosed);
    await expectService();
  });

  it('with a message that is too large is refused', async () => {
    await start({ COLLECTOR_MAX_REQUEST_BYTES: '300000' });
    const { error } = await client().publish(Buffer.alloc(300_001));
    expect(error?.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(await hits('message-bytes')).toBe(1);
  });

  it('with a message that is too large when it is unpacked is refused', async () => {
    await start({ COLLECTOR_MAX_REQUEST_BYTES: '300000' });
    const raw = await openForSure();
    const stream = raw.begin(PUBLISH, { 'grpc-encoding': 'gzip' });
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    raw.data(stream, grpcMessage(bomb, bomb.length, true), true);
    await until('it is over', isOver(raw, stream));
    await until('it is counted', async () => (await hits('decompressed-bytes')) === 1);
    await expectService();
  });

  it('whose message does not come on is ended', async () => {
    await start({ COLLECTOR_REQUEST_TIME_MS: '100' });
    const slow = await openForSure();
    const streams = [PUBLISH, STREAM].map((path) => slow.begin(path));
    for (const stream of streams) slow.data(stream, grpcMessage(Buffer.alloc(10), 1_000));
    for (const stream of streams) await until('it is ended', isOver(slow, stream));
    expect(await hits('request-time')).toBe(2);
    expect(slow.isClosed).toBe(false);
  });

  it('that is unary and sends nothing is ended, a stream may wait for its next event', async () => {
    await start({ COLLECTOR_REQUEST_TIME_MS: '100' });
    const slow = await openForSure();
    const waiting = slow.begin(STREAM);
    slow.data(waiting, grpcMessage(encodeEvent(validEvent())));
    const silent = slow.begin(PUBLISH);
    await until('it is ended', isOver(slow, silent));
    expect(await hits('request-time')).toBe(1);
    expect(isOver(slow, waiting)()).toBe(false);
  });

  it('that has no message for too long is answered with what is queued of it', async () => {
    await start({ COLLECTOR_STREAM_IDLE_MS: '100' });
    const { call, answer } = client().openStream();
    call.write(encodeEvent(validEvent()));
    expect(await answer).toMatchObject({
      error: { code: status.UNAVAILABLE },
      details: { summary: { received: 1, accepted: 1 } },
    });
    expect(await hits('stream-idle')).toBe(1);
  });

  it('that holds the most of unfinished messages for the longest is cut, those that move are not', async () => {
    await start({
      COLLECTOR_MAX_UNFINISHED_BYTES: '300000',
      COLLECTOR_MAX_REQUEST_BYTES: '300000',
    });
    const slow = await openForSure();
    const streams = Array.from({ length: 40 }, () => slow.begin(PUBLISH));
    const part = grpcMessage(Buffer.alloc(10_000), 250_000);
    for (const stream of streams) {
      slow.data(stream, part);
      await until(
        'it has come',
        async () => (await metric('pipeline_unfinished_message_bytes')) > 0,
      );
    }
    await until('some are cut', async () => (await hits('unfinished-bytes')) >= 10);
    expect(await metric('pipeline_unfinished_message_bytes')).toBeLessThanOrEqual(300_000);
    await until('the first is over', isOver(slow, streams[0]!));
    expect(isOver(slow, streams.at(-1)!)()).toBe(false);
    await expectService();
    slow.close();
    await until('nothing is held for a connection that is gone', async () => {
      return (await metric('pipeline_unfinished_message_bytes')) === 0;
    });
  });
});
