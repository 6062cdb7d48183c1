import type { PublishEventsRequest, PublishEventsResponse } from '@event-pipeline/contracts';
import type { Clock } from '@event-pipeline/runtime';
import { settleBatch, type OutgoingBatch } from './outgoing-batch';
import type { Tally } from './tally';

/**
 * Most batches without an answer on one connection: as many as the collector reads ahead. More would
 * lie in buffers.
 */
const MAX_UNANSWERED_BATCHES = 32;

interface WindowBatch extends OutgoingBatch {
  /** When it was first written, by the monotonic clock; undefined before. */
  sentAt: number | undefined;
  /** It may be in the queue without our knowing. */
  ambiguous: boolean;
  /** Written only while no other batch is on its way, so that a failure is surely its own. */
  alone: boolean;
}

/**
 * The batches of one connection that are not answered, in order. The first `#written` of them were
 * written to the stream under way.
 */
export class BatchWindow {
  readonly #tally: Tally;
  readonly #clock: Clock;
  readonly #maxBytes: number;
  readonly #batches: WindowBatch[] = [];
  #bytes = 0;
  #written = 0;

  constructor(tally: Tally, clock: Clock, maxBytes: number) {
    this.#tally = tally;
    this.#clock = clock;
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0;
  }

  /** Batches of the stream under way that are not answered. */
  get written(): number {
    return this.#written;
  }

  /** Bytes that may be added; 0 where there are as many batches as there may be. */
  get room(): number {
    if (this.#batches.length >= MAX_UNANSWERED_BATCHES) return 0;
    return Math.max(0, this.#maxBytes - this.#bytes);
  }

  /** Batches that the stream under way is still to be given. */
  get unwritten(): number {
    return this.#batches.length - this.#written;
  }

  /** Events that were sent and are not answered. */
  get sentEvents(): number {
    return this.#batches.reduce(
      (sum, { sentAt, events }) => sum + (sentAt === undefined ? 0 : events.length),
      0,
    );
  }

  add(batch: OutgoingBatch): void {
    this.#bytes += batch.bytes;
    this.#batches.push({ ...batch, sentAt: undefined, ambiguous: false, alone: false });
  }

  /** Begins a new stream: the batches are written again from the first one. */
  rewind(): void {
    this.#written = 0;
  }

  /** The next batch to write, if one may be written now; counts its events as sent, or sent again. */
  next(): PublishEventsRequest | undefined {
    const batch = this.#nextBatch();
    if (batch === undefined) return undefined;
    if (batch.sentAt === undefined) {
      batch.sentAt = this.#clock.monotonic();
      this.#tally.sent += batch.events.length;
    } else {
      this.#tally.resent += batch.events.length;
    }
    this.#written += 1;
    return batch.request;
  }

  /** Settles the first batch; false for an answer that is not for it. */
  answer(response: PublishEventsResponse): boolean {
    const [first] = this.#batches;
    if (this.#written === 0 || first?.request.batchId !== response.batchId) return false;
    this.#tally.latency.record(this.#clock.monotonic() - (first.sentAt ?? 0));
    settleBatch(first, response, this.#tally);
    this.#dropFirst();
    return true;
  }

  /** The stream ended, and each batch of it without an answer may be in the queue all the same. */
  markAmbiguous(): void {
    for (const batch of this.#batches.slice(0, this.#written)) batch.ambiguous = true;
  }

  /** From now on, each batch that was written to the stream is written alone. */
  separate(): void {
    for (const batch of this.#batches.slice(0, this.#written)) batch.alone = true;
  }

  /** Gives up the first batch, and says how many events that are. */
  giveUpFirst(): number {
    const [first] = this.#batches;
    if (first === undefined) return 0;
    if (first.sentAt !== undefined) {
      if (first.ambiguous) this.#tally.unknown += first.events.length;
      else this.#tally.failed += first.events.length;
    }
    this.#dropFirst();
    return first.events.length;
  }

  /** Gives up everything. What was never sent is not counted: it is what the run has left over. */
  giveUp(): void {
    while (!this.isEmpty) this.giveUpFirst();
  }

  #nextBatch(): WindowBatch | undefined {
    const next = this.#batches[this.#written];
    if (next === undefined || this.#written === 0) return next;
    const [first] = this.#batches;
    return next.alone || first?.alone === true ? undefined : next;
  }

  #dropFirst(): void {
    const first = this.#batches.shift();
    this.#bytes -= first?.bytes ?? 0;
    this.#written = Math.max(0, this.#written - 1);
  }
}
