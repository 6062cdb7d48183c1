import { PassThrough } from 'node:stream';
import { status, type ServiceError } from '@grpc/grpc-js';
import {
  decodeStatusDetails,
  STATUS_DETAILS_KEY,
  type StreamSummary,
} from '@event-pipeline/contracts';
import { keyHash } from '@event-pipeline/queue';
import { FlowController, PipelineError, type ErrorCode } from '@event-pipeline/runtime';
import { EventIngestor } from '../ingest/event-ingestor';
import type { PartitionBatchers } from '../ingest/partition-batchers';
import type { EventOwner, EventRun } from '../ingest/shared-batch';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { encodeEvent, validEvent } from '../testing/raw-client';
import { EventStream, type RawStreamCall } from './event-stream';

interface Appended {
  readonly owner: EventOwner;
  readonly run: EventRun;
  readonly keyHash: number;
}

const LIMITS = { maxDataBytes: 100, maxAttributes: 1, maxAttributeBytes: 10, maxFieldBytes: 10 };
const DRAINING = new PipelineError('DRAINING', 'shutting down');
const good = () => encodeEvent(validEvent());
const bad = () => encodeEvent(validEvent({ type: '?' }));

/** A stream whose batcher does nothing until the test says what became of the events. */
function setUp(maxEvents = 100) {
  const call = new PassThrough({ objectMode: true });
  const appended: Appended[] = [];
  const answers: { error: ServiceError | null; summary: StreamSummary | undefined }[] = [];
  const closed: boolean[] = [];
  const failures: ErrorCode[] = [];
  const internal: PipelineError[] = [];
  const flow = new FlowController({ maxEvents, maxBytes: 1_000_000 });
  const append: PartitionBatchers['append'] = (event, cost, owner, firstIndex) => {
    const run = { firstIndex, count: 1, cost };
    appended.push({ owner, run, keyHash: event.keyHash() });
    return run;
  };
  const ignore = () => undefined;
  const stream = new EventStream(
    call as unknown as RawStreamCall,
    (error, summary) =>
      void answers.push({ error: error as ServiceError | null, summary: summary ?? undefined }),
    {
      ingestor: new EventIngestor(LIMITS, new SimulatedClock(Date.UTC(2026, 5, 1))),
      batchers: { append } as PartitionBatchers,
      flow,
      observer: {
        received: ignore,
        accepted: ignore,
        rejected: ignore,
        duplicate: ignore,
        acknowledged: ignore,
        abandoned: ignore,
        answerFailed: ignore,
        failed: (code) => void failures.push(code),
      },
      stream: 1,
      onInternalError: (error) => void internal.push(error),
    },
    (_, isAcknowledged) => void closed.push(isAcknowledged),
  );
  const durable = (...indexes: number[]) => {
    for (const index of indexes) {
      const { owner, run } = appended.find((event) => event.run.firstIndex === index)!;
      owner.durable(run);
    }
  };
  const fail = (index: number, error: PipelineError) => {
    const { owner, run } = appended.find((event) => event.run.firstIndex === index)!;
    owner.failed(error, run);
  };
  return { call, stream, flow, appended, answers, closed, failures, internal, durable, fail };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function earlyEnd({ answers }: ReturnType<typeof setUp>) {
  const error = answers[0]?.error;
  const [trailer] = error?.metadata.get(STATUS_DETAILS_KEY) ?? [];
  return {
    code: status[error?.code ?? 0],
    summary: Buffer.isBuffer(trailer) ? decodeStatusDetails(trailer).summary : undefined,
  };
}

describe('a stream of events', () => {
  it('stops reading while the budget is used up, and goes on when it is free again', async () => {
    const at = setUp(2);
    for (let i = 0; i < 4; i++) at.call.write(good());
    await turn();
    expect(at.call.isPaused()).toBe(true);
    expect(at.appended).toHaveLength(2);
    expect(at.flow.waiting).toBe(1);
    at.durable(0, 1);
    await turn();
    expect(at.appended).toHaveLength(4);
  });

  it('answers only after the end and when the last event is durable', async () => {
    const at = setUp();
    at.call.write(good());
    at.call.end(good());
    await turn();
    at.durable(0);
    expect(at.answers).toEqual([]);
    at.durable(1);
    expect(at.answers[0]?.summary).toMatchObject({ success: true, accepted: 2 });
    expect(at.closed).toEqual([true]);
  });

  it('ends early with the prefix that is settled, rejections in it and none behind it', async () => {
    const at = setUp();
    for (const bytes of [good(), bad(), good(), bad(), good()]) at.call.write(bytes);
    await turn();
    at.durable(0, 2);
    at.fail(4, new PipelineError('QUEUE_UNAVAILABLE', 'gone'));
    const { code, summary } = earlyEnd(at);
    expect(code).toBe('UNAVAILABLE');
    expect(summary).toMatchObject({ success: false, received: 5, accepted: 2, rejected: 2 });
    expect(summary?.rejections.map(({ index }) => index)).toEqual([1, 3]);
    expect([at.closed, at.failures, at.internal]).toEqual([[false], ['QUEUE_UNAVAILABLE'], []]);
  });

  it('ends early before an event that one partition still has, whatever others have done', async () => {
    const at = setUp();
    for (const bytes of [good(), bad(), good(), bad(), good()]) at.call.write(bytes);
    await turn();
    at.durable(0, 4);
    at.fail(2, new PipelineError('QUEUE_UNAVAILABLE', 'gone'));
    const { summary } = earlyEnd(at);
    expect(summary).toMatchObject({ received: 5, accepted: 1, rejected: 1 });
    expect(summary?.rejections.map(({ index }) => index)).toEqual([1]);
  });

  it('sends events to the partition of their key, or else of their id', async () => {
    const at = setUp();
    const { eventId } = validEvent();
    at.call.write(encodeEvent(validEvent({ eventId, partitionKey: 'ada' })));
    at.call.write(encodeEvent(validEvent({ eventId })));
    await turn();
    expect(at.appended.map((each) => each.keyHash)).toEqual([keyHash('ada'), keyHash(eventId)]);
  });

  it('counts nothing as accepted that becomes durable after a failure', async () => {
    const at = setUp();
    for (let i = 0; i < 3; i++) at.call.write(good());
    await turn();
    at.durable(0);
    at.fail(1, new PipelineError('QUEUE_FULL', 'full'));
    at.durable(2);
    expect(earlyEnd(at).summary).toMatchObject({ accepted: 1 });
    expect(at.answers).toHaveLength(1);
    expect([at.flow.events, at.flow.bytes]).toEqual([0, 0]);
  });

  it('says what it was where the client learns only that there was an error', async () => {
    const at = setUp();
    at.call.write(good());
    await turn();
    const error = new PipelineError('QUEUE_CORRUPT', 'a key has the wrong type');
    at.fail(0, error);
    expect(earlyEnd(at).code).toBe('INTERNAL');
    expect(at.internal).toEqual([error]);
  });

  it('drains when the event that it waited to take is a bad one', async () => {
    const at = setUp(1);
    at.call.write(good());
    at.call.write(bad());
    await turn();
    at.stream.drain(DRAINING);
    expect(at.answers).toEqual([]);
    at.durable(0);
    await turn();
    expect(earlyEnd(at)).toMatchObject({ code: 'UNAVAILABLE', summary: { accepted: 1 } });
  });

  it('counts an event by its stored text where that is longer, and gives all of it back', async () => {
    const at = setUp();
    const source = '\u0001'.repeat(10);
    const attributes = new Map([['a', '\u0001'.repeat(9)]]);
    const partitionKey = '\u0002'.repeat(10);
    const schemaVersion = '\u0003'.repeat(10);
    at.call.write(encodeEvent(validEvent({ source, attributes, partitionKey, schemaVersion })));
    await turn();
    const [event] = at.appended;
    expect(event!.run.cost).toBeGreaterThan(350);
    expect(at.flow.bytes).toBe(event!.run.cost);
    at.durable(0);
    expect([at.flow.events, at.flow.bytes]).toEqual([0, 0]);
  });

  it('gives its budget back when the client goes away', async () => {
    const at = setUp(1);
    at.call.write(good());
    at.call.write(good());
    await turn();
    at.call.emit('cancelled');
    at.durable(0);
    await turn();
    expect([at.flow.events, at.flow.waiting, at.answers, at.closed]).toEqual([0, 0, [], [false]]);
  });
});
