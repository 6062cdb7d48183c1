import { performance } from 'node:perf_hooks';

/** Time as the program sees it. Injected, so that a test decides what time it is. */
export interface Clock {
  /** Wall clock, Unix milliseconds. May jump; never used to measure a duration. */
  now(): number;
  /** Milliseconds of a clock that only moves forward; meaningful as a difference. */
  monotonic(): number;
  /**
   * Resolves after `ms`, or at once when the signal aborts: it never rejects, so the caller looks
   * at the signal.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
    }),
};
