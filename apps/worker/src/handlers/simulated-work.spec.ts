import type { BatchContext, EventHandler, HandlerContext } from '@event-pipeline/consumer';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { withSimulatedWork } from './simulated-work';

function setUp(handler: EventHandler<number>) {
  const clock = new SimulatedClock();
  const aborter = new AbortController();
  const { logger } = createLogSink();
  const handlers = new Map([['*', handler]]);
  const slow = withSimulatedWork(handlers, 100, clock).get('*')!;
  const single: HandlerContext = { signal: aborter.signal, attempt: 3, logger };
  const batch: BatchContext = { signal: aborter.signal, attempts: [1, 2, 1], logger };
  return { clock, aborter, slow, single, batch };
}

describe('simulated work', () => {
  it('is a wait before each event, which the handler then gets as it was', async () => {
    const calls: unknown[] = [];
    const { clock, slow, single } = setUp((event, context) => void calls.push(event, context));
    const handled = typeof slow === 'function' ? slow(7, single) : undefined;
    await clock.advance(99);
    expect(calls).toEqual([]);
    await clock.advance(1);
    await handled;
    expect(calls).toEqual([7, single]);
  });

  it('is one wait for all events of a batch, whose failures are passed on', async () => {
    const failures = [{ index: 1, error: 'no' }];
    const { clock, slow, batch } = setUp({ batch: () => failures });
    const handled = typeof slow === 'function' ? undefined : slow.batch([7, 8, 9], batch);
    let ended = false;
    void Promise.resolve(handled).then(() => (ended = true));
    await clock.advance(299);
    expect(ended).toBe(false);
    await clock.advance(1);
    expect(await handled).toBe(failures);
  });

  it('ends in an error, without the handler, when it is cut short', async () => {
    let called = false;
    const { clock, aborter, slow, single } = setUp(() => void (called = true));
    const handled = typeof slow === 'function' ? Promise.resolve(slow(7, single)) : undefined;
    const refused = expect(handled).rejects.toThrow('cut short');
    aborter.abort(new Error('cut short'));
    await refused;
    await clock.advance(1_000);
    expect(called).toBe(false);
  });

  it('leaves handlers alone where there is none', () => {
    const handlers = new Map<string, EventHandler<number>>([['*', () => undefined]]);
    expect(withSimulatedWork(handlers, 0, new SimulatedClock())).toBe(handlers);
  });
});
