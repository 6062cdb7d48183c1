import { once } from 'node:events';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { status } from '@grpc/grpc-js';
import { RejectionCode, type PublishEventsRequest } from '@event-pipeline/contracts';
import {
  ScriptedCollector,
  accepted,
  failAfter,
  failure,
  type BatchStreamHandler,
} from '@event-pipeline/publisher/testing';
import { ndjsonFrom, startRun, until } from './testing/run';

describe('sending by PublishEventStream', () => {
  let collector: ScriptedCollector;
  const collect = async (...batchStreams: BatchStreamHandler[]) => {
    collector = await new ScriptedCollector({ batchStreams }).start();
    return collector;
  };
  afterEach(() => collector?.stop());

  const startBatches = (address: string, ...args: string[]) =>
    startRun(address, ['--mode', 'batch', '--seed', '1', ...args]);
  const idsOf = (requests: readonly PublishEventsRequest[] = []) =>
    requests.map(({ batchId }) => batchId);
  const positions = (requests: readonly PublishEventsRequest[]) =>
    requests.flatMap(({ events }) =>
      events.map(({ timestamp }) => timestamp - Date.UTC(2025, 0, 1) + 1),
    );
  const range = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, index) => from + index);

  it('delivers every event once and in order, in one stream of batches of the size wanted', async () => {
    const { address } = await collect();
    const run = startBatches(address, '--count', '10050', '--batch-size', '100');
    expect((await run.outcome).early).toBeUndefined();
    expect(collector.batchStreams).toHaveLength(1);
    const [batches = []] = collector.batchStreams;
    expect(batches.map(({ events }) => events.length)).toEqual([
      ...Array<number>(100).fill(100),
      50,
    ]);
    expect(positions(batches)).toEqual(range(1, 10_050));
    expect(run.tally).toMatchObject({ sent: 10_050, acknowledged: 10_050, resent: 0 });
    expect(run.tally.latency.samples).toBe(101);
    expect(run.notices).toEqual([]);
  });

  it('gives each batch a UUID of its own', async () => {
    const { address } = await collect();
    await startBatches(address, '--count', '30', '--batch-size', '10').outcome;
    const ids = idsOf(collector.batchStreams[0]);
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  it('does not wait for the answer to a batch before it sends the next', async () => {
    const { address } = await collect((call) => {
      const held: PublishEventsRequest[] = [];
      call.on('data', (request: PublishEventsRequest) => {
        held.push(request);
        if (held.length === 20) for (const one of held) call.write(accepted(one));
      });
      call.on('end', () => call.end());
    });
    const run = startBatches(address, '--count', '200', '--batch-size', '10');
    expect((await run.outcome).early).toBeUndefined();
    expect(run.tally.acknowledged).toBe(200);
  });

  it('has no more than 32 batches without an answer on their way', async () => {
    const { address } = await collect(() => undefined);
    const run = startBatches(
      address,
      ...['--count', '1000', '--batch-size', '1', '--timeout', '0.4'],
    );
    expect((await run.outcome).early?.why).toBe('stalled');
    expect(collector.received).toHaveLength(32);
    expect(run.tally).toMatchObject({ sent: 32, acknowledged: 0, unknown: 32 });
  });

  it('has no more bytes without an answer on their way than a connection may keep', async () => {
    const { address } = await collect(() => undefined);
    const line = `${JSON.stringify({ type: 'large', data: 'x'.repeat(400_000) })}\n`;
    const { source } = ndjsonFrom(Array<string>(40).fill(line));
    const run = startRun(address, ['--mode', 'batch', '--timeout', '3'], source);
    expect((await run.outcome).early?.why).toBe('stalled');
    // 8 MiB, and the event that exceeds it.
    expect(run.tally.sent).toBeLessThanOrEqual(21);
    expect(run.tally.sent).toBeGreaterThan(15);
    const sizes = collector.batchStreams.flat().map(({ events }) => events.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(3);
  });

  it('sends a collector that takes nothing no more than grpc-js buffers', async () => {
    const silent = createServer();
    silent.on('stream', (stream) => {
      stream.pause();
      stream.on('error', () => undefined);
    });
    const sessions: ServerHttp2Session[] = [];
    silent.on('session', (session) => sessions.push(session));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const line = `${JSON.stringify({ type: 'large', data: 'x'.repeat(200_000) })}\n`;
    const { source } = ndjsonFrom(Array<string>(40).fill(line));
    const options = ['--mode', 'batch', '--batch-size', '1', '--timeout', '0.8'];
    const run = startRun(address, options, source);
    expect((await run.outcome).early?.why).toBe('stalled');
    for (const session of sessions) session.destroy();
    silent.close();
    // 16 in its buffer, and one that is partly on its way.
    expect(run.tally.sent).toBeLessThanOrEqual(18);
    expect(run.tally.unknown).toBe(run.tally.sent);
  });

  it.each([
    ['UNAVAILABLE', failure(status.UNAVAILABLE, 'gone')],
    ['DEADLINE_EXCEEDED', failure(status.DEADLINE_EXCEEDED, 'late')],
    ['CANCELLED by the other side', failure(status.CANCELLED, 'cut')],
    ['INTERNAL of a cut connection', failure(status.INTERNAL, 'Received RST_STREAM with code 0')],
    [
      'RESOURCE_EXHAUSTED with a time to come back',
      failure(status.RESOURCE_EXHAUSTED, 'full', { retryDelayMs: 1 }),
    ],
  ])(
    'sends every batch without an answer again, in order and under its id, after %s',
    async (_name, error) => {
      const { address } = await collect(failAfter(3, 4, error), failAfter(2, 1, error));
      const run = startBatches(address, '--count', '100', '--batch-size', '10');
      expect((await run.outcome).early).toBeUndefined();
      const [first = [], second = [], third = []] = collector.batchStreams;
      expect(idsOf(second.slice(0, 3))).toEqual(idsOf(first.slice(3, 6)));
      expect(idsOf(third)[0]).toBe(idsOf(first)[5]);
      expect(positions(third)).toEqual(range(51, 100));
      expect(run.tally).toMatchObject({ sent: 100, acknowledged: 100, failed: 0, unknown: 0 });
      expect(run.tally.resent).toBeGreaterThanOrEqual(50);
      expect(run.notices[0]).toMatch(/; \d+ events will be sent again$/);
    },
  );

  it('waits as long as the collector asks before it sends again', async () => {
    const { address } = await collect(
      failAfter(1, 1, failure(status.RESOURCE_EXHAUSTED, 'full', { retryDelayMs: 123 })),
    );
    const run = startBatches(address, '--count', '20', '--batch-size', '10');
    await run.outcome;
    expect(run.tally.acknowledged).toBe(20);
    expect(run.sleeps.some((ms) => ms >= 123 && ms < 148)).toBe(true);
  });

  it('gives up the first batch without an answer after INVALID_ARGUMENT, and sends the rest', async () => {
    const { address } = await collect(failAfter(2, 3, failure(status.INVALID_ARGUMENT, 'bad')));
    const run = startBatches(address, '--count', '100', '--batch-size', '10');
    expect((await run.outcome).early).toBeUndefined();
    const [first = [], second = []] = collector.batchStreams;
    expect(idsOf(second).slice(0, 2)).toEqual(idsOf(first).slice(3, 5));
    expect(positions(second)).toEqual(range(31, 100));
    expect(run.tally).toMatchObject({ sent: 100, acknowledged: 90, failed: 10, unknown: 0 });
    expect(run.notices[0]).toMatch(/^INVALID_ARGUMENT: bad; 10 events given up, \d+ will be sent/);
  });

  it('finds the batch that is too large by sending one at a time, and gives up no other', async () => {
    const tooLarge = ([first = 0]: readonly number[]) => first === 51;
    /** As grpc-js ends a stream: at once, whatever is unanswered before it. */
    const limited =
      (answers: boolean): BatchStreamHandler =>
      (call) => {
        call.on('data', (request: PublishEventsRequest) => {
          if (tooLarge(positions([request]))) {
            call.emit('error', failure(status.RESOURCE_EXHAUSTED, 'larger than max'));
          } else if (answers) {
            call.write(accepted(request));
          }
        });
        call.on('end', () => call.end());
      };
    const { address } = await collect(limited(false), limited(true), limited(true));
    const run = startBatches(address, '--count', '100', '--batch-size', '10');
    expect((await run.outcome).early).toBeUndefined();
    const [first = [], second = [], third = []] = collector.batchStreams;
    expect(positions(first)).toEqual(expect.arrayContaining(range(1, 60)));
    // Alone, so that what fails is surely the one.
    expect(positions(second)).toEqual(range(1, 60));
    expect(positions(third)).toEqual(range(61, 100));
    // It was sent before, and so is counted as what may be in the queue.
    expect(run.tally).toMatchObject({ sent: 100, acknowledged: 90, unknown: 10 });
  });

  it.each([
    ['UNAUTHENTICATED', status.UNAUTHENTICATED],
    ['PERMISSION_DENIED', status.PERMISSION_DENIED],
  ])('stops at once on %s', async (name, code) => {
    const { address } = await collect((call) => {
      call.emit('error', failure(code, 'no'));
    });
    const run = startBatches(address, '--count', '50000');
    expect((await run.outcome).early).toEqual({ why: 'refused', reason: `${name}: no` });
    expect(collector.batchStreams).toHaveLength(1);
    expect(run.tally).toMatchObject({ acknowledged: 0, unknown: 0, failed: run.tally.sent });
  });

  it('names rejected events by their line, also after the batch was sent again', async () => {
    const reject: BatchStreamHandler = (call) => {
      const code = RejectionCode.REJECTION_CODE_INVALID_EVENT_ID;
      const rejections = [{ index: 1, eventId: 'nonsense', code, message: 'no UUID' }];
      call.on('data', (request: PublishEventsRequest) => {
        call.write({ ...accepted(request), accepted: 1, rejections, duplicate: true });
      });
      call.on('end', () => call.end());
    };
    const { address } = await collect(failAfter(0, 1, failure(status.UNAVAILABLE, 'x')), reject);
    const { source } = ndjsonFrom(['{"type":"a"}\n\n{"type":"b","eventId":"nonsense"}\n']);
    const run = startRun(address, ['--mode', 'batch'], source);
    await run.outcome;
    expect(run.tally).toMatchObject({ acknowledged: 1, rejected: 1, success: false });
    expect(run.tally.rejections).toEqual([
      { position: 3, eventId: 'nonsense', code: 'INVALID_EVENT_ID', message: 'no UUID' },
    ]);
  });

  it('finishes after the collector was killed in the middle and came back', async () => {
    const killed: BatchStreamHandler = (call) => {
      let seen = 0;
      call.on('data', (request: PublishEventsRequest) => {
        seen += 1;
        if (seen < 10) call.write(accepted(request));
        if (seen === 20) collector.stop();
      });
    };
    const { address } = await collect(killed);
    const run = startBatches(address, '--count', '12000', '--batch-size', '100');
    await until(() => run.notices.length > 0);
    await collector.start();
    expect((await run.outcome).early).toBeUndefined();
    expect(run.tally).toMatchObject({ sent: 12_000, acknowledged: 12_000, unknown: 0 });
    expect(new Set(positions(collector.batchStreams.flat())).size).toBe(12_000);
  });

  it('goes on with a new stream where one ended with everything answered', async () => {
    const drained = failAfter(1, 0, failure(status.UNAVAILABLE, 'draining', { retryDelayMs: 1 }));
    const { address } = await collect(drained, drained);
    const input = new PassThrough();
    const { source } = ndjsonFrom(input);
    const run = startRun(address, ['--mode', 'batch'], source);
    for (let sent = 1; sent <= 4; sent += 1) {
      input.write(`{"type":"a${sent}"}\n`);
      await until(() => run.tally.acknowledged === sent);
    }
    input.end();
    expect((await run.outcome).early).toBeUndefined();
    expect(collector.received.map(({ type }) => type)).toEqual(['a1', 'a2', 'a3', 'a4']);
    expect(collector.batchStreams).toHaveLength(3);
  });

  it('sends again what a stream left unanswered that the collector ended well', async () => {
    const { address } = await collect((call) => {
      call.on('data', () => call.end());
    });
    const run = startBatches(address, '--count', '30', '--batch-size', '10');
    expect((await run.outcome).early).toBeUndefined();
    expect(run.tally).toMatchObject({ acknowledged: 30, unknown: 0 });
    expect(run.notices[0]).toMatch(/^the collector ended a stream without answering every batch; /);
  });

  it('takes no answer for another batch than the next', async () => {
    const { address } = await collect((call) => {
      call.on('data', (request: PublishEventsRequest) => {
        call.write({ ...accepted(request), batchId: 'another' });
      });
    });
    const run = startBatches(address, '--count', '10');
    expect((await run.outcome).early).toEqual({
      why: 'refused',
      reason: 'INTERNAL: the collector answered a batch that was not the next one',
    });
    expect(run.tally).toMatchObject({ sent: 10, acknowledged: 0, unknown: 10 });
  });

  it('never counts more than was sent, whatever an answer claims', async () => {
    const { address } = await collect((call) => {
      call.on('data', (request: PublishEventsRequest) => {
        call.write({ ...accepted(request), accepted: 1_000 });
      });
      call.on('end', () => call.end());
    });
    const run = startBatches(address, '--count', '10');
    await run.outcome;
    expect(run.tally).toMatchObject({ sent: 10, acknowledged: 10, rejected: 0, unknown: 0 });
  });

  it('has a stream on every connection', async () => {
    const { address } = await collect();
    const run = startBatches(
      address,
      ...['--count', '3000', '--batch-size', '10', '--connections', '3'],
    );
    await run.outcome;
    expect(run.tally.acknowledged).toBe(3_000);
    expect(collector.peers.size).toBe(3);
    expect(positions(collector.batchStreams.flat()).sort((a, b) => a - b)).toEqual(range(1, 3_000));
  });
});
