import type { Clock, Random } from '@event-pipeline/runtime/basics';
import { Batch } from './batch';
import { BatchEncoder, type MeasuredEvent } from './batch-encoder';
import type { Claim, Owner } from './claim';

export interface BatcherOptions {
  readonly maxEvents: number;
  readonly maxBytes: number;
  readonly lingerMs: number;
  readonly clock: Clock;
  readonly random: Random;
  onBatch(batch: Batch): void;
}

interface OpenBatch {
  readonly encoder: BatchEncoder;
  readonly claims: Claim[];
  room: number;
  readonly cut: AbortController;
}

/** A batch may be so much larger than the last one before it has to move. */
const SPARE_BYTES = 512;

/** Gathers events into batches: a batch is cut by its events, its bytes, or its age. */
export class Batcher {
  readonly #options: BatcherOptions;
  #open: OpenBatch | undefined;
  #cut = 0;
  /** Of the last batch; the next one will be like it. */
  #lastBytes = 0;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /** The number of the last batch that was cut. */
  get lastNumber(): number {
    return this.#cut;
  }

  add(event: MeasuredEvent, owner: Owner, index: number, deadline: number): void {
    const { maxEvents, maxBytes } = this.#options;
    if (this.#open !== undefined && this.#open.encoder.bytes + event.bytes > maxBytes) this.cut();
    const open = (this.#open ??= this.#begin());
    open.encoder.add(event);
    open.room += event.bytes;
    const last = open.claims.at(-1);
    const follows =
      last?.owner === owner && last.first + last.count === index && last.deadline === deadline;
    if (follows) last.count += 1;
    else open.claims.push({ owner, first: index, count: 1, deadline, told: false });
    const { events, bytes } = open.encoder;
    if (events >= maxEvents || bytes >= maxBytes) this.cut();
  }

  /** Ends the batch that is open, be it full or not. */
  cut(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    open.cut.abort();
    const { batchId, events } = open.encoder;
    this.#cut += 1;
    const bytes = open.encoder.finish();
    this.#lastBytes = bytes.length;
    this.#options.onBatch(new Batch(batchId, this.#cut, bytes, events, open.room, open.claims));
  }

  #begin(): OpenBatch {
    const { random, lingerMs, clock } = this.#options;
    const cut = new AbortController();
    const open = {
      encoder: new BatchEncoder(random.uuid(), this.#lastBytes + SPARE_BYTES),
      claims: [],
      cut,
      room: 0,
    };
    const cutOpen = () => {
      if (this.#open === open) this.cut();
    };
    if (lingerMs === 0) queueMicrotask(cutOpen);
    else void clock.sleep(lingerMs, cut.signal).then(cutOpen);
    return open;
  }
}
