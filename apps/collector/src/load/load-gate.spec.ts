import { FlowController } from '@event-pipeline/runtime';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { BACK_PRESSURE_MS, LoadGate, SAMPLE_INTERVAL_MS, type LoadSample } from './load-gate';

const LIMITS = { residentBytes: 1_000, heapBytes: 500, loopDelayMs: 100 };
const OVERLOADED = { code: 'OVERLOADED' };
const quiet: LoadSample = { residentBytes: 100, heapBytes: 50, loopDelayMs: 1 };

describe('the load gate', () => {
  let clock: SimulatedClock;
  let flow: FlowController;
  let gate: LoadGate;
  let sample: LoadSample;
  let told: string[];

  beforeEach(async () => {
    clock = new SimulatedClock();
    flow = new FlowController({ maxEvents: 100, maxBytes: 10_000 });
    sample = quiet;
    told = [];
    gate = new LoadGate({ sample: () => sample, close: () => undefined }, LIMITS, flow, clock, {
      sampled: () => undefined,
      closed: (reason) => told.push(`closed: ${reason}`),
      opened: (reason) => told.push(`opened: ${reason}`),
      refused: (reason, count) => told.push(`refused: ${reason} ${count}`),
    });
    await gate.start();
  });

  afterEach(() => gate.stop());

  const measured = async (more: Partial<LoadSample>) => {
    sample = { ...quiet, ...more };
    await clock.advance(SAMPLE_INTERVAL_MS);
  };

  it.each([
    ['memory', { residentBytes: 1_001 }, { residentBytes: 950 }, { residentBytes: 890 }],
    ['heap', { heapBytes: 501 }, { heapBytes: 460 }, { heapBytes: 440 }],
    ['event-loop', { loopDelayMs: 101 }, { loopDelayMs: 60 }, { loopDelayMs: 40 }],
  ])('refuses new calls above the limit of %s, and takes them well below it', async (...row) => {
    const [reason, above, justBelow, wellBelow] = row;
    flow.tryAcquire(1, 1);
    gate.check();
    await measured(above);
    expect(() => gate.check()).toThrow(expect.objectContaining(OVERLOADED));
    await measured(justBelow);
    expect(() => gate.check()).toThrow(expect.objectContaining(OVERLOADED));
    await measured(wellBelow);
    gate.check();
    expect(told).toEqual([
      `closed: ${reason}`,
      `refused: ${reason} 1`,
      `refused: ${reason} 1`,
      `opened: ${reason}`,
    ]);
  });

  it('keeps streams waiting at first, and refuses them where that does not help', async () => {
    flow.tryAcquire(1, 1);
    await measured({ residentBytes: 2_000 });
    const outcome = flow.acquire(1, 1).then(
      () => 'admitted',
      (error: { code: string }) => error.code,
    );
    await clock.advance(BACK_PRESSURE_MS - 2 * SAMPLE_INTERVAL_MS);
    expect(flow.waiting).toBe(1);
    await clock.advance(2 * SAMPLE_INTERVAL_MS);
    expect(await outcome).toBe('OVERLOADED');
    expect(told).toEqual(['closed: memory', 'refused: memory 1']);
  });

  it('lets waiting streams go on when the load is gone', async () => {
    flow.tryAcquire(1, 1);
    await measured({ loopDelayMs: 1_000 });
    const admitted = flow.acquire(1, 1);
    await measured({});
    await admitted;
    expect(flow.events).toBe(2);
  });

  it('with nothing in flight a single request passes: refusing would free nothing, for ever', async () => {
    await measured({ residentBytes: 2_000 });
    gate.check();
    expect(flow.tryAcquire(1, 1)).toBe(true);
    expect(flow.tryAcquire(1, 1)).toBe(false);
    expect(() => gate.check()).toThrow(expect.objectContaining(OVERLOADED));
    flow.release(1, 1);
    expect(flow.tryAcquire(1, 1)).toBe(true);
  });
});
