import type { Batch } from './batch';

export interface LaneLimits {
  /**
   * Most batches without an answer: as many as the collector reads ahead (docs/api.md). More would lie in
   * buffers.
   */
  readonly maxBatches: number;
  /** Most bytes without an answer; one batch may exceed it. */
  readonly maxBytes: number;
}

/**
 * The batches of one connection that are not answered, in order. The first `written` of them were written
 * to the call under way.
 */
export class LaneWindow {
  readonly #limits: LaneLimits;
  #batches: Batch[] = [];
  #bytes = 0;
  #written = 0;

  constructor(limits: LaneLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0;
  }

  /** Batches of the call under way that are not answered. */
  get written(): number {
    return this.#written;
  }

  get first(): Batch | undefined {
    return this.#batches[0];
  }

  /** Bytes that may be added; 0 where there are as many batches as there may be. */
  get room(): number {
    if (this.#batches.length === 0) return Infinity;
    if (this.#batches.length >= this.#limits.maxBatches) return 0;
    return Math.max(0, this.#limits.maxBytes - this.#bytes);
  }

  get hasUnwritten(): boolean {
    return this.#written < this.#batches.length;
  }

  /** Events that were sent and are not answered. */
  get sentEvents(): number {
    const sent = this.#batches.filter(({ sentAt }) => sentAt !== undefined);
    return sent.reduce((sum, { events }) => sum + events, 0);
  }

  add(batch: Batch): void {
    this.#batches.push(batch);
    this.#bytes += batch.bytes.length;
  }

  /** The next batch that may be written to the call under way. */
  next(): Batch | undefined {
    const next = this.#batches[this.#written];
    if (next === undefined || this.#written === 0) return next;
    return next.alone || this.first?.alone === true ? undefined : next;
  }

  /** It was written. */
  advance(): void {
    this.#written += 1;
  }

  /** Takes the first batch away. */
  dropFirst(): Batch | undefined {
    const first = this.#batches.shift();
    this.#bytes -= first?.bytes.length ?? 0;
    this.#written = Math.max(0, this.#written - 1);
    return first;
  }

  /** The call under way is over: its batches, in order. What is left is written again to the next one. */
  rewind(): readonly Batch[] {
    const written = this.#batches.slice(0, this.#written);
    for (const batch of written) batch.inFlight = false;
    this.#written = 0;
    return written;
  }

  /** Takes away what was given up meanwhile, as far as it was not written. */
  dropOver(): void {
    if (!this.#batches.some(({ over, inFlight }) => over && !inFlight)) return;
    this.#batches = this.#batches.filter(({ over, inFlight }) => !over || inFlight);
    this.#bytes = this.#batches.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** Takes everything away. */
  clear(): readonly Batch[] {
    this.#written = 0;
    this.#bytes = 0;
    return this.#batches.splice(0);
  }
}
