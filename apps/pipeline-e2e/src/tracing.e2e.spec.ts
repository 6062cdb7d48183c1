import { createServer } from 'node:net';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { credentials, Metadata } from '@grpc/grpc-js';
import { build } from 'esbuild';
import { Event, EventServiceClient, type StreamSummary } from '@event-pipeline/contracts';
import { freePort } from '@event-pipeline/queue/testing';
import { systemClock } from '@event-pipeline/runtime';
import { NodeProgram } from '@event-pipeline/runtime/testing';
import { OtlpReceiver, type ReceivedSpan } from './harness/otlp-receiver';
import { startCollector, startWorker, type Program } from './harness/program';
import { ENGINES, embeddedEngine } from './harness/queue-engine';
import { Scratch } from './harness/scratch';
import { inWorkspace } from './harness/workspace';

const scratch = new Scratch();
afterEach(() => scratch.clean());

const LEASE = 'process lease';
const STORE = 'store events';
const STREAM = 'event.EventService/StreamEvents';
const BATCH = 'event.EventService/PublishEventStream';
const UNARY = 'event.EventService/PublishEvents';

/** Runs the application to its end. */
async function runApplication(collector: string, receiver: string): Promise<void> {
  const script = join(await scratch.folder(), 'traced-application.js');
  await build({
    entryPoints: [inWorkspace('apps/pipeline-e2e/src/harness/traced-application.ts')],
    tsconfig: inWorkspace('tsconfig.base.json'),
    outfile: script,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    logLevel: 'error',
  });
  const name = 'the application';
  const application = new NodeProgram(
    { name, script, args: [collector, receiver], logs: false },
    scratch,
  );
  const exit = await application.exited;
  expect({ ...exit, output: application.output }).toEqual({
    code: 0,
    signal: null,
    output: ['done'],
  });
}

/** A collector and a worker that stores, both traced. */
async function startPipeline(
  queue: Readonly<Record<string, string>>,
  variables: Readonly<Record<string, string>>,
): Promise<{ address: string; collector: Program; worker: Program }> {
  const { address, program } = await startCollector({ ...queue, ...variables }, scratch);
  const store = { STORE_URL: `embedded:${await scratch.folder()}` };
  const worker = await startWorker({ ...queue, ...store, ...variables }, scratch);
  return { address, collector: program, worker: worker.program };
}

function openClient(address: string): EventServiceClient {
  const client = new EventServiceClient(address, credentials.createInsecure());
  scratch.afterwards(() => client.close());
  return client;
}

function events(count: number, traceparent?: string): Event[] {
  return Array.from({ length: count }, () =>
    Event.fromPartial({
      eventId: randomUUID(),
      type: 'order_placed',
      timestamp: systemClock.now(),
      attributes: new Map(traceparent === undefined ? [] : [['traceparent', traceparent]]),
    }),
  );
}

async function publish(client: EventServiceClient, sent: Event[], metadata = new Metadata()) {
  const request = { batchId: '', events: sent };
  const accepted = await new Promise<number>((resolve, reject) => {
    client.publishEvents(request, metadata, (error, answer) =>
      error ? reject(error) : resolve(answer.accepted),
    );
  });
  expect(accepted).toBe(sent.length);
}

function stream(client: EventServiceClient, sent: readonly Event[], metadata: Metadata) {
  return new Promise<StreamSummary>((resolve, reject) => {
    const call = client.streamEvents(metadata, (error, answer) =>
      error ? reject(error) : resolve(answer),
    );
    for (const event of sent) call.write(event);
    call.end();
  });
}

/** A sampled span of some other program. */
function callerWith(digit: string) {
  const [traceId, spanId] = [digit.repeat(32), digit.repeat(16)];
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-01` };
}

function withTraceparent(traceparent: string): Metadata {
  const metadata = new Metadata();
  metadata.set('traceparent', traceparent);
  return metadata;
}

/** The spans that parents and links lead to from one of them, in either direction. */
function connectedTo(start: string, spans: readonly ReceivedSpan[]): readonly ReceivedSpan[] {
  const found = new Set([start]);
  for (let before = 0; before !== found.size;) {
    before = found.size;
    for (const { spanId, parentSpanId, links } of spans) {
      const near = [parentSpanId, ...links.map((link) => link.spanId)].filter((id) => id !== '');
      if (found.has(spanId)) near.forEach((id) => found.add(id));
      else if (near.some((id) => found.has(id))) found.add(spanId);
    }
  }
  return spans.filter(({ spanId }) => found.has(spanId));
}

describe.each(ENGINES)('traces through the %s engine', (_, createEngine) => {
  it('lead from the span that published an event to the store', async () => {
    const receiver = await OtlpReceiver.start(scratch);
    const engine = await createEngine(scratch);
    const { address } = await startPipeline(engine.variables, receiver.variables);
    await runApplication(address, receiver.url);

    const [batch] = await receiver.received(BATCH, 1);
    const [lease] = await receiver.received(LEASE, 1);
    const [store] = await receiver.received(STORE, 1);
    const [placed] = await receiver.received('place order', 1);
    const [loggedIn] = await receiver.received('log in', 1);
    expect(placed).toMatchObject({ service: 'shop', parentSpanId: '' });
    // The batch belongs to the trace of its first event, and is linked to that of the other.
    expect(batch).toMatchObject({
      service: 'collector',
      traceId: placed!.traceId,
      parentSpanId: placed!.spanId,
      links: [{ traceId: loggedIn!.traceId, spanId: loggedIn!.spanId }],
      status: 0,
    });
    expect(lease).toMatchObject({
      service: 'worker',
      traceId: placed!.traceId,
      parentSpanId: batch!.spanId,
      status: 0,
    });
    expect(store).toMatchObject({
      service: 'worker',
      traceId: placed!.traceId,
      parentSpanId: lease!.spanId,
      status: 0,
    });
    const all = [placed, loggedIn, batch, lease, store];
    expect(new Set(connectedTo(loggedIn!.spanId, receiver.spans))).toEqual(new Set(all));
    expect(batch!.attributes).toMatchObject({ 'event_pipeline.accepted': 3 });
    expect(lease!.attributes).toMatchObject({ 'event_pipeline.done': 3 });
    expect(store!.end).toBeLessThanOrEqual(lease!.end);
    expect(store!.begin).toBeGreaterThanOrEqual(lease!.begin);
  }, 60_000);
});

describe('a traced pipeline', () => {
  it('takes the trace of a call from its metadata, for events that bear none', async () => {
    const receiver = await OtlpReceiver.start(scratch);
    const engine = await embeddedEngine(scratch);
    const { address } = await startPipeline(engine.variables, receiver.variables);
    const client = openClient(address);
    const [unary, streamed] = [callerWith('1'), callerWith('2')];
    await publish(client, events(20), withTraceparent(unary.traceparent));
    await engine.drained();
    await stream(client, events(20), withTraceparent(streamed.traceparent));
    await engine.drained();

    await receiver.received(STORE, 2);
    const leases = await receiver.received(LEASE, 2);
    for (const [method, { traceId, spanId }] of [
      [UNARY, unary],
      [STREAM, streamed],
    ] as const) {
      const [call] = await receiver.received(method, 1);
      expect(call).toMatchObject({ traceId, parentSpanId: spanId });
      const ofTrace = leases.filter((lease) => lease.traceId === traceId);
      expect(ofTrace.length).toBeGreaterThan(0);
      expect(ofTrace.every(({ parentSpanId }) => parentSpanId === call!.spanId)).toBe(true);
      const names = connectedTo(call!.spanId, receiver.spans).map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining([method, LEASE, STORE]));
    }
  }, 60_000);

  it('traces a share of what no trace led to, and all of what one did', async () => {
    const receiver = await OtlpReceiver.start(scratch);
    const engine = await embeddedEngine(scratch);
    const none = { ...receiver.variables, OTEL_TRACES_SAMPLER_ARG: '0' };
    const { address, collector, worker } = await startPipeline(engine.variables, none);
    const client = openClient(address);
    await publish(client, events(10));
    await stream(client, events(10), new Metadata());
    // A caller that is not sampled, and events of spans that are not.
    const unsampled = callerWith('a').traceparent.replace(/01$/, '00');
    await publish(client, events(10, unsampled), withTraceparent(unsampled));
    await engine.drained();
    const sampled = callerWith('5');
    // Among others, and not in the first of them.
    await publish(client, [...events(5, unsampled), ...events(5, sampled.traceparent)]);
    await engine.drained();
    await receiver.received(STORE, 1);
    await Promise.all([collector.stop(), worker.stop()]);
    const names = receiver.spans.map(({ name }) => name);
    expect(names.sort()).toEqual([UNARY, LEASE, STORE].sort());
    expect(new Set(receiver.spans.map(({ traceId }) => traceId))).toEqual(
      new Set([sampled.traceId]),
    );
  }, 60_000);

  it('sends what waits when it stops, with the headers that the receiver wants', async () => {
    const receiver = await OtlpReceiver.start(scratch);
    const engine = await embeddedEngine(scratch);
    const { address, program } = await startCollector(
      {
        ...engine.variables,
        ...receiver.variables,
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20very-secret,x-tenant=a',
        OTEL_SERVICE_NAME: 'intake',
        LOG_LEVEL: 'debug',
      },
      scratch,
    );
    const client = openClient(address);
    for (let i = 0; i < 50; i++) await publish(client, events(1));
    expect(await program.stop()).toEqual({ code: 0, signal: null });
    expect(receiver.spans.filter(({ service }) => service === 'intake')).toHaveLength(50);
    expect(receiver.headers[0]).toMatchObject({
      authorization: 'Bearer very-secret',
      'x-tenant': 'a',
    });
    expect(program.output.join('\n')).not.toContain('very-secret');
  }, 60_000);

  it('names the lease and its trace in the lines about it', async () => {
    const receiver = await OtlpReceiver.start(scratch);
    const engine = await embeddedEngine(scratch);
    const { address, worker } = await startPipeline(engine.variables, receiver.variables);
    await publish(openClient(address), events(3));
    const [lease] = await receiver.received(LEASE, 1);
    const line = await worker.logged('the lease', ({ msg }) => msg === 'processed a lease');
    expect(line).toMatchObject({
      lease: lease!.attributes['event_pipeline.lease_id'],
      trace: lease!.traceId,
    });
  }, 60_000);
});

describe('a receiver of traces', () => {
  it('that nobody runs costs one warning and no event', async () => {
    const engine = await embeddedEngine(scratch);
    const port = await freePort();
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
    const { address, collector, worker } = await startPipeline(engine.variables, endpoint);
    const client = openClient(address);
    const isWarning = ({ msg }: { msg?: string }) => /^traces could not be sent/.test(msg ?? '');
    await publish(client, events(10));
    const warning = await collector.logged('that traces are lost', isWarning);
    expect(warning).toMatchObject({ level: 'warn', url: `http://127.0.0.1:${port}/v1/traces` });
    for (let i = 0; i < 20; i++) await publish(client, events(500));
    expect(await engine.drained()).toMatchObject({ processed: 10_010, dead: 0 });
    await worker.logged('that traces are lost', isWarning);
    for (const program of [collector, worker]) {
      expect(await program.stop()).toEqual({ code: 0, signal: null });
      expect(program.output.filter((line) => line.includes('traces could not'))).toHaveLength(1);
    }
  }, 90_000);

  it('that takes connections and never answers does not hold up a stop', async () => {
    const engine = await embeddedEngine(scratch);
    const sockets = new Set<{ destroy(): void }>();
    const silent = createServer((socket) => void sockets.add(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    scratch.afterwards(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => silent.close(resolve));
    });
    const place = silent.address();
    const port = typeof place === 'object' && place !== null ? place.port : 0;
    // The grace is shorter than a request to the receiver may take (10 s).
    const variables = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      COLLECTOR_SHUTDOWN_GRACE_MS: '5000',
      WORKER_SHUTDOWN_GRACE_MS: '5000',
    };
    const { address, collector, worker } = await startPipeline(engine.variables, variables);
    await publish(openClient(address), events(100));
    expect(await engine.drained()).toMatchObject({ processed: 100 });
    expect(await Promise.all([collector.stop(), worker.stop()])).toEqual([
      { code: 0, signal: null },
      { code: 0, signal: null },
    ]);
    expect(sockets.size).toBeGreaterThan(0);
  }, 60_000);
});
