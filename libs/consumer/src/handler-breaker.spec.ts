import { SeededRandom, SimulatedClock } from '@event-pipeline/runtime/testing';
import fc from 'fast-check';
import { FAILURES_TO_PAUSE, HandlerBreaker, type FailedCall } from './handler-breaker';

const fresh: FailedCall = { fresh: true, timedOut: false, ms: 1 };
const again: FailedCall = { fresh: false, timedOut: false, ms: 1 };
const late: FailedCall = { fresh: true, timedOut: true, ms: 60_000 };

function setUp(seed = 1) {
  const clock = new SimulatedClock();
  const changes: boolean[] = [];
  const breaker = new HandlerBreaker(clock, new SeededRandom(seed), (paused) =>
    changes.push(paused),
  );
  const fail = (times: number, call = fresh) => {
    for (let n = 0; n < times; n++) breaker.failed(breaker.admit(true), call);
  };
  /** Waits until an event is admitted; how long that took, to a tenth of a second. */
  const untilProbe = async (isFresh = true) => {
    for (let ms = 0; ; ms += 100) {
      if (breaker.admit(isFresh) === 'probe') return ms;
      await clock.advance(100);
    }
  };
  return { clock, breaker, changes, fail, untilProbe };
}

describe('a handler that keeps failing', () => {
  it('is paused by failures in a row, and tries single events', async () => {
    const { breaker, changes, fail, untilProbe } = setUp();
    fail(FAILURES_TO_PAUSE - 1);
    expect(breaker.admit(true)).toBe('run');
    fail(1);
    expect(changes).toEqual([true]);
    expect(breaker.admit(true)).toBe('defer');
    await untilProbe();
    expect(breaker.admit(true)).toBe('defer');
  });

  it('goes on at the first event that succeeds', async () => {
    const { breaker, changes, fail, untilProbe } = setUp();
    fail(FAILURES_TO_PAUSE);
    await untilProbe();
    breaker.succeeded('probe');
    expect(breaker.admit(true)).toBe('run');
    expect(changes).toEqual([true, false]);
    fail(FAILURES_TO_PAUSE - 1);
    expect(breaker.admit(true)).toBe('run');
  });

  it('tries less and less often, but at least every 15 s', async () => {
    const { breaker, fail, untilProbe } = setUp();
    fail(FAILURES_TO_PAUSE);
    const waits: number[] = [];
    for (let n = 0; n < 20; n++) {
      waits.push(await untilProbe());
      breaker.failed('probe', fresh);
    }
    expect(waits[0]).toBeLessThanOrEqual(1_000);
    expect(Math.min(...waits.slice(6))).toBeGreaterThanOrEqual(7_500);
    expect(Math.max(...waits)).toBeLessThanOrEqual(15_000);
  });

  it('takes up at most a fifth of the time where its calls are slow', async () => {
    const { breaker, fail, untilProbe } = setUp();
    fail(4, late);
    expect(await untilProbe()).toBeGreaterThanOrEqual(240_000);
    breaker.failed('probe', late);
    expect(await untilProbe()).toBeGreaterThanOrEqual(240_000);
  });

  it('is tried again at once after a try that says nothing', async () => {
    const { breaker, fail, untilProbe } = setUp();
    fail(FAILURES_TO_PAUSE);
    await untilProbe();
    breaker.undecided('probe');
    expect(breaker.admit(true)).toBe('probe');
  });

  it('tries an event that failed before only where no fresh one comes for as long as the pause', async () => {
    const { breaker, clock, fail, untilProbe } = setUp();
    fail(FAILURES_TO_PAUSE);
    await clock.advance(1_000);
    expect(breaker.admit(false)).toBe('defer');
    expect(breaker.admit(true)).toBe('probe');
    breaker.undecided('probe');
    expect(await untilProbe(false)).toBeLessThanOrEqual(1_000);
  });

  it('tries a fresh event within 15 s, however many others have failed in the pause', async () => {
    const { breaker, fail, untilProbe } = setUp();
    fail(FAILURES_TO_PAUSE);
    for (let n = 0; n < 20; n++) {
      await untilProbe(false);
      breaker.failed('probe', again);
    }
    expect(await untilProbe(true)).toBeLessThanOrEqual(15_000);
  });

  it('is not paused for longer by calls that began before the pause', async () => {
    const { breaker, fail, untilProbe } = setUp();
    fail(FAILURES_TO_PAUSE);
    for (let n = 0; n < 100; n++) breaker.failed('run', fresh);
    expect(await untilProbe()).toBeLessThanOrEqual(1_000);
  });
});

describe('a handler that works', () => {
  it('is not paused by bad events between good ones', () => {
    const { breaker, changes, fail } = setUp();
    for (let n = 0; n < 100; n++) {
      fail(FAILURES_TO_PAUSE - 1);
      breaker.succeeded(breaker.admit(true));
    }
    expect(changes).toEqual([]);
  });

  it('is not paused by bad events that come again and again with nothing between them', () => {
    const { changes, fail } = setUp();
    fail(3);
    fail(1_000, again);
    expect(changes).toEqual([]);
  });
});

describe('the delay of a deferred event', () => {
  it('is a whole number, at least until the next try and at most a pause longer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(12), async (seed, probes) => {
        const { breaker, clock, fail, untilProbe } = setUp(seed);
        fail(FAILURES_TO_PAUSE);
        for (let n = 0; n < probes; n++) {
          await untilProbe();
          breaker.failed('probe', fresh);
        }
        const delay = breaker.deferMs();
        expect(Number.isInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThan(0);
        expect(delay).toBeLessThanOrEqual(30_000);
        await clock.advance(delay);
        expect(breaker.admit(true)).toBe('probe');
      }),
      { numRuns: 50 },
    );
  });
});
