import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import {
  ScriptedCollector,
  endAfter,
  failAfter,
  failure,
  summaryOf,
  type CollectorScript,
} from '@event-pipeline/publisher/testing';
import { startRun, until } from './testing/run';

describe('a run', () => {
  let collector: ScriptedCollector | undefined;
  const collect = async (script: CollectorScript = {}) => {
    collector = await new ScriptedCollector(script).start();
    return collector;
  };
  afterEach(() => {
    collector?.stop();
    collector = undefined;
  });

  /** An address where nothing listens. */
  const deadAddress = async () => {
    const { address } = await collect();
    collector?.stop();
    return address;
  };

  it('ends with one clear line when no collector is there', async () => {
    const address = await deadAddress();
    const run = startRun(address, ['--timeout', '0.5']);
    expect((await run.outcome).early).toEqual({
      why: 'unreachable',
      reason:
        `no collector answers at ${address} (waited 0.5 s): check that it runs and listens there, ` +
        'or name another address with --collector or COLLECTOR_ADDRESS',
    });
    expect(run.notices).toEqual([`waiting for collector at ${address}`]);
    expect(run.tally.sent).toBe(0);
  });

  it('waits for a collector that starts later', async () => {
    const address = await deadAddress();
    const run = startRun(address, ['--count', '10']);
    await until(() => run.notices.length > 0);
    await collector?.start();
    expect((await run.outcome).early).toBeUndefined();
    expect(run.tally.acknowledged).toBe(10);
  });

  it('stops waiting for a collector when it is interrupted', async () => {
    const run = startRun(await deadAddress(), []);
    await until(() => run.notices.length > 0);
    run.interrupt();
    expect((await run.outcome).early?.why).toBe('interrupted');
  });

  it.each(['batch', 'stream', 'unary'])(
    'sends nothing more once interrupted, and awaits the answers to what it sent (%s)',
    async (mode) => {
      const { address, received } = await collect();
      expect(received).toEqual([]);
      const run = startRun(address, ['--count', '1000000000', '--mode', mode]);
      await until(() => (collector?.received.length ?? 0) > 0);
      run.interrupt();
      expect((await run.outcome).early?.why).toBe('interrupted');
      expect(run.tally.acknowledged).toBe(run.tally.sent);
      expect(run.tally.sent).toBe(collector?.received.length);
    },
  );

  it('does not send again once interrupted', async () => {
    const { address } = await collect({
      requests: [
        (_request, answer) => {
          answer(failure(status.UNAVAILABLE, 'gone', { retryDelayMs: 60_000 }));
        },
      ],
    });
    const run = startRun(address, ['--mode', 'unary', '--count', '10']);
    await until(() => run.notices.length > 0);
    run.interrupt();
    expect((await run.outcome).early?.why).toBe('interrupted');
    expect(collector?.requests).toHaveLength(1);
    expect(run.tally).toMatchObject({ sent: 10, unknown: 10, resent: 0 });
  });

  it.each(['batch', 'stream', 'unary'])(
    'ends at once when interrupted twice, with what was sent unknown (%s)',
    async (mode) => {
      const silent = () => undefined;
      const { address } = await collect({
        streams: [silent],
        batchStreams: [silent],
        requests: [silent],
      });
      const run = startRun(address, ['--mode', mode, '--count', '100']);
      await until(() => run.tally.sent === 100);
      run.interrupt();
      run.abandon();
      expect((await run.outcome).early?.why).toBe('interrupted');
      expect(run.tally).toMatchObject({ sent: 100, unknown: 100, acknowledged: 0 });
    },
  );

  it('gives up a request that is never answered when the time without an answer is over', async () => {
    const { address } = await collect({ requests: [() => undefined] });
    const run = startRun(address, ['--mode', 'unary', '--count', '10', '--timeout', '0.3']);
    expect((await run.outcome).early).toEqual({
      why: 'stalled',
      reason: `the collector at ${address} has answered nothing for 0.3 s`,
    });
    expect(run.tally).toMatchObject({ sent: 10, unknown: 10 });
  });

  it('gives up when the collector goes away for good, be everything sent answered or not', async () => {
    const { address } = await collect({
      streams: [
        endAfter(5, (answer) => {
          const details = { retryDelayMs: 1, summary: summaryOf({ accepted: 10_000 }) };
          answer(failure(status.UNAVAILABLE, 'draining', details));
          setImmediate(() => collector?.stop());
        }),
      ],
    });
    const run = startRun(address, ['--mode', 'stream', '--count', '10000', '--timeout', '1.5']);
    expect((await run.outcome).early?.why).toBe('stalled');
    const { sent, acknowledged, unknown } = run.tally;
    expect(acknowledged + unknown).toBe(sent);
    expect(run.notices[0]).toMatch(/^UNAVAILABLE: draining$/);
  });

  /** What a stream may meet after some events; `rest` is how many of them it leaves unanswered. */
  const fate = fc.record({
    after: fc.integer({ min: 1, max: 60 }),
    rejected: fc.integer({ min: 0, max: 3 }),
    kind: fc.constantFrom('drained', 'overloaded', 'broken'),
  });

  it('accounts for every event whatever streams meet, and loses none', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fate, { maxLength: 5 }), async (fates) => {
        const streams = fates.map(({ after, rejected, kind }) =>
          endAfter(after, (answer) => {
            if (kind === 'broken') return answer(failure(status.UNAVAILABLE, 'broken'));
            const refused = Math.min(rejected, after);
            const counts = { accepted: after - refused, rejected: refused, success: false };
            const details = { retryDelayMs: 1, summary: summaryOf(counts) };
            const code = kind === 'drained' ? status.UNAVAILABLE : status.RESOURCE_EXHAUSTED;
            answer(failure(code, kind, details));
          }),
        );
        const { address } = await collect({ streams });
        const run = startRun(address, ['--mode', 'stream', '--count', '400', '--seed', '1']);
        expect((await run.outcome).early).toBeUndefined();
        const { sent, acknowledged, rejected, failed, unknown } = run.tally;
        expect({ sent, failed, unknown }).toEqual({ sent: 400, failed: 0, unknown: 0 });
        expect(acknowledged + rejected).toBe(400);
        expect(new Set(collector?.received.map(({ eventId }) => eventId)).size).toBe(400);
        collector?.stop();
      }),
      { numRuns: 15 },
    );
  });

  /** What a stream of batches may meet after some answers, with some batches unanswered. */
  const batchFate = fc.record({
    answered: fc.integer({ min: 0, max: 10 }),
    unanswered: fc.integer({ min: 1, max: 10 }),
    code: fc.constantFrom(status.UNAVAILABLE, status.CANCELLED, status.RESOURCE_EXHAUSTED),
  });

  it('accounts for every event whatever streams of batches meet, and loses none', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(batchFate, { maxLength: 5 }), async (fates) => {
        const batchStreams = fates.map(({ answered, unanswered, code }) =>
          failAfter(answered, unanswered, failure(code, 'broken', { retryDelayMs: 1 })),
        );
        const { address } = await collect({ batchStreams });
        const run = startRun(address, ['--count', '400', '--batch-size', '10', '--seed', '1']);
        expect((await run.outcome).early).toBeUndefined();
        expect(run.tally).toMatchObject({ sent: 400, acknowledged: 400, failed: 0, unknown: 0 });
        const ids = new Set(collector?.batchStreams.flat().map(({ batchId }) => batchId));
        expect(ids.size).toBe(40);
        collector?.stop();
      }),
      { numRuns: 15 },
    );
  });
});
