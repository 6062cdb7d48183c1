import type { Clock } from '../clock';

interface Sleeper {
  readonly wakeAt: number;
  wake(): void;
}

/** A clock that stands still until a test moves it. */
export class SimulatedClock implements Clock {
  /** In order of arrival, which decides between sleepers that are due at the same time. */
  readonly #sleepers = new Set<Sleeper>();
  readonly #arrivals = new Set<() => void>();
  #wallOffset: number;
  #elapsed = 0;

  constructor(startAt = Date.UTC(2030, 0, 1)) {
    this.#wallOffset = startAt;
  }

  now(): number {
    return this.#wallOffset + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  /** How many sleeps have not ended. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = () => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper: Sleeper = { wakeAt: this.#elapsed + Math.max(0, ms), wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', wake, { once: true });
      for (const notify of this.#arrivals) notify();
    });
  }

  /** Resolves once `count` sleeps have not ended: what a test awaits before it moves time. */
  async untilSleeping(count = 1): Promise<void> {
    if (this.#sleepers.size >= count) return;
    await new Promise<void>((resolve) => {
      const check = () => {
        if (this.#sleepers.size < count) return;
        this.#arrivals.delete(check);
        resolve();
      };
      this.#arrivals.add(check);
    });
  }

  /**
   * Moves time forward by `ms`, waking sleepers in the order in which they fall due, each at its own
   * time. Those it wakes get to run, and what they sleep next is part of the same advance.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await othersRun();
    for (;;) {
      const next = this.#nextDue(end);
      if (next === undefined) break;
      this.#elapsed = Math.max(this.#elapsed, next.wakeAt);
      next.wake();
      await othersRun();
    }
    this.#elapsed = end;
  }

  /** Moves the wall clock alone, as a correction of the machine's time does; may be negative. */
  jumpWallClock(ms: number): void {
    this.#wallOffset += ms;
  }

  #nextDue(end: number): Sleeper | undefined {
    let next: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (sleeper.wakeAt <= end && (next === undefined || sleeper.wakeAt < next.wakeAt)) {
        next = sleeper;
      }
    }
    return next;
  }
}

/** Lets every promise that can go on do so, and input and output that is ready be handled. */
function othersRun(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
