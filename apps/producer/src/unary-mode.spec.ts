import { status } from '@grpc/grpc-js';
import { RejectionCode } from '@event-pipeline/contracts';
import {
  ScriptedCollector,
  acceptRequest,
  failure,
  type UnaryHandler,
} from '@event-pipeline/publisher/testing';
import { ndjsonFrom, startRun } from './testing/run';

describe('sending by PublishEvents', () => {
  let collector: ScriptedCollector;
  const collect = async (...requests: UnaryHandler[]) => {
    collector = await new ScriptedCollector({ requests }).start();
    return collector;
  };
  afterEach(() => collector.stop());

  const fail =
    (...failing: Parameters<typeof failure>): UnaryHandler =>
    (_request, answer) =>
      answer(failure(...failing));
  const startUnary = (address: string, ...args: string[]) =>
    startRun(address, ['--mode', 'unary', '--seed', '1', ...args]);
  const ids = () => collector.requests.map(({ batchId }) => batchId);

  it('delivers every event once and in order, in batches of the size wanted', async () => {
    const { address } = await collect();
    const run = startUnary(address, '--count', '1050', '--batch-size', '100');
    expect((await run.outcome).early).toBeUndefined();
    expect(collector.requests.map(({ events }) => events.length)).toEqual([
      ...Array<number>(10).fill(100),
      50,
    ]);
    const times = collector.received.map(({ timestamp }) => timestamp - Date.UTC(2025, 0, 1));
    expect(times).toEqual(Array.from({ length: 1_050 }, (_, index) => index));
    expect(run.tally).toMatchObject({ sent: 1_050, acknowledged: 1_050, resent: 0 });
    expect(run.tally.latency.samples).toBe(11);
  });

  it('gives each batch a UUID of its own', async () => {
    const { address } = await collect();
    await startUnary(address, '--count', '30', '--batch-size', '10').outcome;
    expect(new Set(ids()).size).toBe(3);
    for (const id of ids()) expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  it.each([
    ['UNAVAILABLE', fail(status.UNAVAILABLE, 'gone')],
    ['DEADLINE_EXCEEDED', fail(status.DEADLINE_EXCEEDED, 'late')],
    ['CANCELLED by the other side', fail(status.CANCELLED, 'cut')],
    ['INTERNAL of a cut connection', fail(status.INTERNAL, 'Received RST_STREAM with code 0')],
    [
      'RESOURCE_EXHAUSTED with a time to come back',
      fail(status.RESOURCE_EXHAUSTED, 'full', { retryDelayMs: 1 }),
    ],
  ])('sends a batch again under its id after %s', async (_name, handler) => {
    const { address } = await collect(handler, handler);
    const run = startUnary(address, '--count', '20', '--batch-size', '10');
    expect((await run.outcome).early).toBeUndefined();
    const [first, second, third, fourth] = collector.requests;
    expect([second, third]).toEqual([first, first]);
    expect(fourth?.batchId).not.toBe(first?.batchId);
    expect(run.tally).toMatchObject({ sent: 20, acknowledged: 20, resent: 20 });
  });

  it.each([
    ['INVALID_ARGUMENT', fail(status.INVALID_ARGUMENT, 'bad')],
    ['RESOURCE_EXHAUSTED for good', fail(status.RESOURCE_EXHAUSTED, 'too large')],
  ])('gives up a batch after %s, and sends the next', async (_name, handler) => {
    const { address } = await collect(handler);
    const run = startUnary(address, '--count', '20', '--batch-size', '10');
    expect((await run.outcome).early).toBeUndefined();
    expect(collector.requests).toHaveLength(2);
    expect(new Set(ids()).size).toBe(2);
    expect(run.tally).toMatchObject({ sent: 20, acknowledged: 10, failed: 10, resent: 0 });
  });

  it.each([
    ['UNAUTHENTICATED', status.UNAUTHENTICATED],
    ['PERMISSION_DENIED', status.PERMISSION_DENIED],
    ['UNIMPLEMENTED', status.UNIMPLEMENTED],
  ])('stops at once on %s', async (name, code) => {
    const { address } = await collect(fail(code, 'no'));
    const run = startUnary(address, '--count', '20', '--batch-size', '10');
    expect((await run.outcome).early).toEqual({ why: 'refused', reason: `${name}: no` });
    expect(collector.requests).toHaveLength(1);
    expect(run.tally).toMatchObject({ sent: 10, failed: 10, unknown: 0 });
  });

  it('names rejected events by their line, also after the batch was sent again', async () => {
    const reject: UnaryHandler = ({ batchId, events }, answer) =>
      answer(null, {
        batchId,
        accepted: events.length - 1,
        rejections: [
          {
            index: 1,
            eventId: 'nonsense',
            code: RejectionCode.REJECTION_CODE_INVALID_EVENT_ID,
            message: 'no UUID',
          },
        ],
        duplicate: true,
      });
    const { address } = await collect(fail(status.UNAVAILABLE, 'gone'), reject);
    const { source } = ndjsonFrom(['{"type":"a"}\n\n{"type":"b","eventId":"nonsense"}\n']);
    const run = startRun(address, ['--mode', 'unary'], source);
    await run.outcome;
    expect(run.tally).toMatchObject({ acknowledged: 1, rejected: 1, success: false });
    expect(run.tally.rejections).toEqual([
      { position: 3, eventId: 'nonsense', code: 'INVALID_EVENT_ID', message: 'no UUID' },
    ]);
  });

  it('keeps requests of large events far below what the collector takes', async () => {
    const { address } = await collect();
    const line = JSON.stringify({ type: 'large', data: 'x'.repeat(400_000) });
    const { source } = ndjsonFrom([`${line}\n`.repeat(12)]);
    const run = startRun(address, ['--mode', 'unary'], source);
    await run.outcome;
    expect(run.tally.acknowledged).toBe(12);
    expect(collector.requests.every(({ events }) => events.length <= 3)).toBe(true);
  });

  it('has a request under way on every connection', async () => {
    let release: (() => void)[] = [];
    const hold: UnaryHandler = (request, answer) => {
      release.push(() => acceptRequest(request, answer));
      if (release.length < 3) return;
      for (const go of release) go();
      release = [];
    };
    const { address } = await collect(hold, hold, hold);
    const run = startUnary(address, '--count', '30', '--batch-size', '10', '--connections', '3');
    await run.outcome;
    expect(run.tally.acknowledged).toBe(30);
  });
});
