import type { BatchContext, EventHandler, HandlerContext } from '@event-pipeline/consumer';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { withSimulatedWork } from './simulated-work';

const LIMITS = { processingTimeMs: 100, handlerTimeoutMs: 5_000 };

function setUp(handler: EventHandler<number>) {
  const clock = new SimulatedClock();
  const aborter = new AbortController();
  const { logger } = createLogSink();
  const handlers = new Map([['*', handler]]);
  const slow = withSimulatedWork(handlers, LIMITS, clock).get('*')!;
  const handle = typeof slow !== 'function' && 'handle' in slow ? slow.handle : undefined;
  const batched = typeof slow !== 'function' && 'batch' in slow ? slow.batch : undefined;
  const single: HandlerContext = { signal: aborter.signal, attempt: 3, logger };
  const batch: BatchContext = { signal: aborter.signal, attempts: [1, 2, 1], logger };
  return { clock, aborter, slow, handle, batched, single, batch };
}

describe('simulated work', () => {
  it('is a wait before each event, which the handler then gets as it was', async () => {
    const calls: unknown[] = [];
    const { clock, handle, single } = setUp((event, context) => void calls.push(event, context));
    const handled = handle?.(7, single);
    await clock.advance(99);
    expect(calls).toEqual([]);
    await clock.advance(1);
    await handled;
    expect(calls).toEqual([7, single]);
  });

  it('is one wait for all events of a batch, whose failures are passed on', async () => {
    const failures = [{ index: 1, error: 'no' }];
    const { clock, batched, batch } = setUp({ batch: () => failures });
    const handled = batched?.([7, 8, 9], batch);
    let ended = false;
    void Promise.resolve(handled).then(() => (ended = true));
    await clock.advance(299);
    expect(ended).toBe(false);
    await clock.advance(1);
    expect(await handled).toBe(failures);
  });

  it('ends in an error, without the handler, when it is cut short', async () => {
    let called = false;
    const { clock, aborter, handle, single } = setUp(() => void (called = true));
    const handled = Promise.resolve(handle?.(7, single));
    const refused = expect(handled).rejects.toThrow('cut short');
    aborter.abort(new Error('cut short'));
    await refused;
    await clock.advance(1_000);
    expect(called).toBe(false);
  });

  it.each<[what: string, handler: EventHandler<number>, timeoutMs: number]>([
    ['a function', () => undefined, 5_100],
    ['an object', { handle: () => undefined }, 5_100],
    ['a handler with a limit of its own', { handle: () => undefined, timeoutMs: 700 }, 800],
    ['a handler without a limit', { handle: () => undefined, timeoutMs: 0 }, 0],
    ['a batch', { batch: () => undefined }, 150_000],
    ['a batch with a limit of its own', { batch: () => undefined, timeoutMs: 700 }, 100_700],
  ])('leaves the time limit of %s for its own work', (_, handler, timeoutMs) => {
    expect(setUp(handler).slow).toMatchObject({ timeoutMs });
  });

  it('keeps how a handler wants to be retried, and what it is a method of', async () => {
    class Counting {
      readonly retry = { maxAttempts: 2 };
      sum = 0;
      handle(event: number): void {
        this.sum += event;
      }
    }
    const counting = new Counting();
    const { clock, slow, handle, single } = setUp(counting);
    expect(slow).toMatchObject({ retry: { maxAttempts: 2 } });
    const handled = handle?.(7, single);
    await clock.advance(100);
    await handled;
    expect(counting.sum).toBe(7);
  });

  it('leaves handlers alone where there is none', () => {
    const handlers = new Map<string, EventHandler<number>>([['*', () => undefined]]);
    expect(
      withSimulatedWork(handlers, { ...LIMITS, processingTimeMs: 0 }, new SimulatedClock()),
    ).toBe(handlers);
  });
});
