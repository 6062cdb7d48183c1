import type { Batch } from './batch';

/** Batches that wait for a connection that has room for them, in order. */
export class BatchLine {
  #batches: Batch[] = [];
  #head = 0;

  get isEmpty(): boolean {
    this.#skipOver();
    return this.#head === this.#batches.length;
  }

  push(batch: Batch): void {
    this.#batches.push(batch);
  }

  /** The next batch, where it is not larger than that. */
  take(maxBytes: number): Batch | undefined {
    this.#skipOver();
    const next = this.#batches[this.#head];
    if (next === undefined || next.bytes.length > maxBytes) return undefined;
    this.#head += 1;
    return next;
  }

  /** Passes over batches that were given up while they waited. */
  #skipOver(): void {
    while (this.#batches[this.#head]?.over === true) this.#head += 1;
    if (this.#head === this.#batches.length || this.#head > 1_024) {
      this.#batches = this.#batches.slice(this.#head);
      this.#head = 0;
    }
  }
}
