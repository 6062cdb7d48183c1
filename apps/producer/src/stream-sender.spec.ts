import { PassThrough } from 'node:stream';
import { status } from '@grpc/grpc-js';
import { RejectionCode } from '@event-pipeline/contracts';
import type { EventSource } from './event-source';
import {
  ScriptedCollector,
  drainAfter,
  endAfter,
  failure,
  summaryOf,
  type StreamHandler,
} from '@event-pipeline/publisher/testing';
import { ndjsonFrom, startRun as startRunIn, until } from './testing/run';

describe('sending by StreamEvents', () => {
  let collector: ScriptedCollector;
  const collect = async (...streams: StreamHandler[]) => {
    collector = await new ScriptedCollector({ streams }).start();
    return collector;
  };
  afterEach(() => collector.stop());
  const startRun = (address: string, args: readonly string[], source?: EventSource) =>
    startRunIn(address, ['--mode', 'stream', ...args], source);

  const positions = (seeded: readonly { timestamp: number }[]) =>
    seeded.map(({ timestamp }) => timestamp - Date.UTC(2025, 0, 1) + 1);
  const range = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, index) => from + index);

  it('delivers every event once and in order, in streams of at most 10,000', async () => {
    const { address } = await collect();
    const run = startRun(address, ['--count', '20500', '--seed', '1']);
    expect((await run.outcome).early).toBeUndefined();
    expect(positions(collector.received)).toEqual(range(1, 20_500));
    expect(new Set(collector.received.map(({ eventId }) => eventId)).size).toBe(20_500);
    expect(Math.max(...collector.streams.map((events) => events.length))).toBeLessThanOrEqual(
      10_000,
    );
    expect(run.tally).toMatchObject({
      sent: 20_500,
      acknowledged: 20_500,
      resent: 0,
      success: true,
    });
    expect(run.tally.latency.samples).toBe(collector.streams.length);
  });

  it('shares the events among connections, each once', async () => {
    const { address } = await collect();
    const run = startRun(address, ['--count', '3000', '--seed', '1', '--connections', '12']);
    await run.outcome;
    expect(positions(collector.received).sort((a, b) => a - b)).toEqual(range(1, 3_000));
    expect(run.tally.acknowledged).toBe(3_000);
    expect(collector.peers.size).toBe(12);
  });

  it('sends again exactly what the summary of a stream that ended early does not cover', async () => {
    const { address } = await collect(drainAfter(30), drainAfter(20), drainAfter(1));
    const run = startRun(address, ['--count', '100', '--seed', '1']);
    expect((await run.outcome).early).toBeUndefined();
    expect(positions(collector.streams[1]!)[0]).toBe(31);
    expect(positions(collector.streams[2]!)[0]).toBe(51);
    expect(positions(collector.streams[3]!)).toEqual(range(52, 100));
    expect(run.tally).toMatchObject({ sent: 100, acknowledged: 100, failed: 0, unknown: 0 });
  });

  it('names a rejected event by its number in the run, also in a stream that ended early', async () => {
    const rejection = (index: number) => ({
      index,
      eventId: `id-${index}`,
      code: RejectionCode.REJECTION_CODE_INVALID_TYPE,
      message: 'no',
    });
    const { address } = await collect(
      drainAfter(10, { accepted: 9, rejected: 1, rejections: [rejection(3)] }),
      drainAfter(10, { accepted: 9, rejected: 1, rejections: [rejection(3)] }),
    );
    const run = startRun(address, ['--count', '30']);
    await run.outcome;
    expect(run.tally).toMatchObject({ sent: 30, acknowledged: 28, rejected: 2, success: false });
    expect(run.tally.rejections).toEqual([
      { position: 4, eventId: 'id-3', code: 'INVALID_TYPE', message: 'no' },
      { position: 14, eventId: 'id-3', code: 'INVALID_TYPE', message: 'no' },
    ]);
  });

  it('waits as long as the collector asks before it sends again', async () => {
    const overloaded = endAfter(5, (answer) => {
      const details = { retryDelayMs: 123, summary: summaryOf({ accepted: 5 }) };
      answer(failure(status.RESOURCE_EXHAUSTED, 'queue full', details));
    });
    const { address } = await collect(overloaded);
    const run = startRun(address, ['--count', '10']);
    await run.outcome;
    expect(run.tally.acknowledged).toBe(10);
    expect(run.sleeps.some((ms) => ms >= 123 && ms < 148)).toBe(true);
    // How many had been written when the answer came depends on the machine.
    expect(run.notices).toEqual([
      expect.stringMatching(/^RESOURCE_EXHAUSTED: queue full; \d+ events? will be sent again$/),
    ]);
  });

  it('sends a whole stream again that broke off without a summary, under the same ids', async () => {
    const { address } = await collect(
      endAfter(60, (answer) => answer(failure(status.UNAVAILABLE, 'gone'))),
    );
    const run = startRun(address, ['--count', '100', '--seed', '1']);
    expect((await run.outcome).early).toBeUndefined();
    expect(positions(collector.streams[1]!)).toEqual(range(1, 100));
    expect(run.tally).toMatchObject({ sent: 100, acknowledged: 100 });
    expect(run.tally.resent).toBeGreaterThanOrEqual(60);
  });

  it('finishes after the collector was killed in the middle and came back', async () => {
    const killed = endAfter(100, () => collector.stop());
    const { address } = await collect(killed);
    const run = startRun(address, ['--count', '12000', '--seed', '1']);
    await until(() => run.notices.length > 0);
    await collector.start();
    expect((await run.outcome).early).toBeUndefined();
    const arrived = new Set(positions(collector.streams.slice(1).flat()));
    expect(arrived).toEqual(new Set(range(1, 12_000)));
    expect(run.tally).toMatchObject({ sent: 12_000, acknowledged: 12_000, unknown: 0 });
    expect(run.notices[0]).toMatch(/events will be sent again$/);
  });

  it('gives up only the stream that was too large for the collector, and sends the rest', async () => {
    const { address } = await collect(
      endAfter(1, (answer) => answer(failure(status.RESOURCE_EXHAUSTED, 'message too large'))),
    );
    const run = startRun(address, ['--count', '15000', '--seed', '1']);
    expect((await run.outcome).early).toBeUndefined();
    expect(run.tally.unknown).toBeGreaterThan(0);
    expect(run.tally.acknowledged).toBeGreaterThan(0);
    expect(run.tally.sent).toBe(15_000);
    expect(run.tally.acknowledged + run.tally.unknown).toBe(15_000);
    expect(run.tally.resent).toBe(0);
  });

  it('stops at once where every call would be refused', async () => {
    const refuse: StreamHandler = (_call, answer) => {
      answer(failure(status.PERMISSION_DENIED, 'not allowed'));
    };
    const { address } = await collect(refuse);
    const run = startRun(address, ['--count', '50000']);
    const { early } = await run.outcome;
    expect(early).toEqual({ why: 'refused', reason: 'PERMISSION_DENIED: not allowed' });
    expect(collector.streams).toHaveLength(1);
    expect(run.tally).toMatchObject({ acknowledged: 0, unknown: 0, failed: run.tally.sent });
  });

  it('ends when the collector takes nothing, and sends it no more than the socket holds', async () => {
    const { address } = await collect((call) => call.pause());
    const run = startRun(address, ['--count', '1000000', '--timeout', '0.4']);
    const { early } = await run.outcome;
    expect(early?.why).toBe('stalled');
    expect(run.tally.sent).toBeLessThan(5_000);
    expect(run.tally).toMatchObject({ acknowledged: 0, unknown: run.tally.sent });
  });

  it('acknowledges what an input that goes on has given so far', async () => {
    const input = new PassThrough();
    const { source } = ndjsonFrom(input);
    const { address } = await collect();
    const run = startRun(address, [], source);
    input.write('{"type":"first"}\n');
    await until(() => run.tally.acknowledged === 1);
    input.write('{"type":"second"}\n');
    await until(() => run.tally.acknowledged === 2);
    input.end('{"type":"third"}');
    expect((await run.outcome).early).toBeUndefined();
    expect(collector.received.map(({ type }) => type)).toEqual(['first', 'second', 'third']);
  });

  it('takes an answer of nothing but success, as first published, as one for every event', async () => {
    const { address } = await collect((call, answer) => {
      call.on('end', () => answer(null, summaryOf({ success: true })));
    });
    const run = startRun(address, ['--count', '10']);
    await run.outcome;
    expect(run.tally).toMatchObject({ acknowledged: 10, unknown: 0, success: true });
  });

  it('does not take events as acknowledged that an answer leaves out', async () => {
    const { address } = await collect((call, answer) => {
      call.on('end', () => answer(null, summaryOf({ accepted: 7 })));
    });
    const run = startRun(address, ['--count', '10']);
    await run.outcome;
    expect(run.tally).toMatchObject({ sent: 10, acknowledged: 7, unknown: 3, rejected: 0 });
  });

  it('never counts more than was sent, whatever an answer claims', async () => {
    const { address } = await collect((call, answer) => {
      call.on('end', () => answer(null, summaryOf({ accepted: 1_000, rejected: -5 })));
    });
    const run = startRun(address, ['--count', '10']);
    await run.outcome;
    expect(run.tally).toMatchObject({ sent: 10, acknowledged: 10, rejected: 0, unknown: 0 });
  });
});
