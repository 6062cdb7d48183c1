import type { Clock } from '@event-pipeline/runtime/basics';
import type { Batch } from './batch';

/** Every batch that was cut and is not settled, and who waits for that. */
export class LiveBatches {
  readonly #clock: Clock;
  readonly #batches = new Set<Batch>();
  #waiters: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** In the order in which they were cut, those of earlier runs by the way. */
  [Symbol.iterator](): IterableIterator<Batch> {
    return this.#batches.values();
  }

  add(batch: Batch): void {
    this.#batches.add(batch);
  }

  /** False where it was deleted before. */
  delete(batch: Batch): boolean {
    return this.#batches.delete(batch);
  }

  /** Whether a batch up to this number is still open. */
  hasUpTo(number: number): boolean {
    for (const batch of this.#batches) {
      if (!batch.recovered) return batch.number <= number;
    }
    return false;
  }

  get hasRecovered(): boolean {
    for (const batch of this.#batches) if (batch.recovered) return true;
    return false;
  }

  /** Something has changed that somebody may wait for. */
  notify(): void {
    if (this.#waiters.length === 0) return;
    for (const wake of this.#waiters.splice(0)) wake();
  }

  /** Whether the condition holds before the time is over or the signal aborts. */
  async until(condition: () => boolean, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const limit = new AbortController();
    const abort = () => limit.abort();
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted === true) abort();
    let over = false;
    const timer = this.#clock.sleep(timeoutMs, limit.signal).then(() => (over = true));
    try {
      while (!condition()) {
        if (over || limit.signal.aborted) return false;
        const changed = new Promise<void>((resolve) => this.#waiters.push(resolve));
        await Promise.race([changed, timer]);
      }
      return true;
    } finally {
      limit.abort();
      signal?.removeEventListener('abort', abort);
    }
  }
}
