import { FlowController } from '@event-pipeline/runtime';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import {
  BACK_PRESSURE_MS,
  COLLECT_INTERVAL_MS,
  LoadGate,
  SAMPLE_INTERVAL_MS,
  type LoadSample,
} from './load-gate';

const LIMITS = { residentBytes: 1_000, heapBytes: 500, loopDelayMs: 100 };
const OVERLOADED = { code: 'OVERLOADED' };
const quiet: LoadSample = { residentBytes: 100, heapBytes: 50, loopDelayMs: 1 };

describe('the load gate', () => {
  let clock: SimulatedClock;
  let flow: FlowController;
  let gate: LoadGate;
  let sample: LoadSample;
  let told: string[];
  let collected: number;
  let afterCollection: LoadSample | undefined;

  beforeEach(async () => {
    collected = 0;
    afterCollection = undefined;
    clock = new SimulatedClock();
    flow = new FlowController({ maxEvents: 100, maxBytes: 10_000 });
    sample = quiet;
    told = [];
    gate = newGate();
    await gate.start();
  });

  function newGate(): LoadGate {
    const measure = {
      sample: () => sample,
      collect: () => {
        collected += 1;
        sample = afterCollection ?? sample;
      },
      close: () => undefined,
    };
    return new LoadGate(measure, LIMITS, flow, clock, {
      sampled: () => undefined,
      limitTooLow: (problem) => told.push(problem),
      closed: (reason) => told.push(`closed: ${reason}`),
      opened: (reason) => told.push(`opened: ${reason}`),
      refused: (reason, count) => told.push(`refused: ${reason} ${count}`),
    });
  }

  afterEach(() => gate.stop());

  const measured = async (more: Partial<LoadSample>) => {
    sample = { ...quiet, ...more };
    await clock.advance(SAMPLE_INTERVAL_MS);
  };

  it.each([
    ['memory', { residentBytes: 1_001 }, { residentBytes: 920 }, { residentBytes: 890 }],
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

  it('an idle process that is short of memory collects its garbage, and takes events again', async () => {
    afterCollection = { ...quiet, residentBytes: 999 };
    await measured({ residentBytes: 1_001 });
    expect(gate.problem).toMatch('are resident');
    await measured({ residentBytes: 1_001 });
    expect(told).toEqual(['closed: memory', 'opened: memory']);
    expect(gate.problem).toBeUndefined();
    expect(collected).toBe(1);
  });

  it('collects only from time to time, and never while events are in flight', async () => {
    flow.tryAcquire(1, 1);
    await measured({ residentBytes: 2_000 });
    await clock.advance(2 * COLLECT_INTERVAL_MS);
    expect(collected).toBe(0);
    flow.release(1, 1);
    await clock.advance(2 * COLLECT_INTERVAL_MS + SAMPLE_INTERVAL_MS);
    expect(collected).toBe(3);
    expect(told).toEqual(['closed: memory']);
  });

  it('what the process had at its start does not keep it shut', async () => {
    await gate.stop();
    sample = { ...quiet, residentBytes: 900 };
    gate = newGate();
    await gate.start();
    flow.tryAcquire(1, 1);
    await measured({ residentBytes: 1_001 });
    await measured({ residentBytes: 995 });
    expect(told).toEqual(['closed: memory']);
    await measured({ residentBytes: 980 });
    expect(told).toEqual(['closed: memory', 'opened: memory']);
  });

  it('says at the start that the limit leaves no room, with what there is', async () => {
    await gate.stop();
    sample = { ...quiet, residentBytes: 1_000 };
    gate = newGate();
    await gate.start();
    expect(told).toEqual([expect.stringMatching(/^COLLECTOR_MEMORY_LIMIT_BYTES is .* has .*/)]);
  });
});
