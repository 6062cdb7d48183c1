import type { Clock } from '@event-pipeline/runtime/basics';

/** Between two looks: at least, and at most, ms. */
const MIN_LOOK_MS = 10;
const MAX_LOOK_MS = 1_000;
/** A deadline is noticed at the latest after this part of it. */
const LOOKS_A_DEADLINE = 4;

export interface DeadlineWatchDeps {
  readonly clock: Clock;
  /** The shortest of the times that are usual. */
  readonly usualMs: number;
  /** Whether there is anything to look at. */
  isNeeded(): boolean;
  look(now: number): void;
}

/** Looks at what is open from time to time, as long as there is something. */
export class DeadlineWatch {
  readonly #deps: DeadlineWatchDeps;
  readonly #stop: AbortSignal;
  #watching = false;
  #wake = new AbortController();
  #lookMs: number;

  constructor(deps: DeadlineWatchDeps, stop: AbortSignal) {
    this.#deps = deps;
    this.#stop = stop;
    this.#lookMs = lookFor(deps.usualMs);
    stop.addEventListener('abort', () => this.#wake.abort(), { once: true });
  }

  /** Something is open from now on. */
  start(): void {
    if (this.#watching) return;
    this.#watching = true;
    void this.#watch();
  }

  /** Something that is to come may take so long only, ms. */
  expect(timeMs: number): void {
    const lookMs = lookFor(timeMs);
    if (lookMs >= this.#lookMs) return;
    this.#lookMs = lookMs;
    this.#wake.abort();
  }

  async #watch(): Promise<void> {
    const { clock, isNeeded, look } = this.#deps;
    while (isNeeded() && !this.#stop.aborted) {
      this.#wake = new AbortController();
      await clock.sleep(this.#lookMs, this.#wake.signal);
      if (!this.#wake.signal.aborted) look(clock.monotonic());
    }
    this.#watching = false;
  }
}

function lookFor(deadlineMs: number): number {
  return Math.min(MAX_LOOK_MS, Math.max(MIN_LOOK_MS, deadlineMs / LOOKS_A_DEADLINE));
}
