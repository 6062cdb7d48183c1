import type { Event, StreamSummary } from '@event-pipeline/contracts';
import { codeName, type CallFailure } from '@event-pipeline/publisher/calls';
import type { OutgoingEvent } from './event-source';
import type { Tally } from './tally';

/**
 * The events of a stream until it is known what became of them, in order. Three marks divide them:
 * those before `#ambiguous` may be in the queue without our knowing, those before `#sent` were
 * written to some stream, those before `#written` to the one under way.
 */
export class StreamWindow {
  readonly #tally: Tally;
  #events: OutgoingEvent[] = [];
  #bytes = 0;
  #written = 0;
  #sent = 0;
  #ambiguous = 0;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  get size(): number {
    return this.#events.length;
  }

  /** How many of them were written to some stream already. */
  get sent(): number {
    return this.#sent;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** True when everything in the window has been written to the stream under way. */
  get exhausted(): boolean {
    return this.#written === this.#events.length;
  }

  add(events: readonly OutgoingEvent[]): void {
    for (const event of events) {
      this.#bytes += event.bytes;
      this.#events.push(event);
    }
  }

  /** Begins a new stream: the events are written again from the first one. */
  rewind(): void {
    this.#written = 0;
  }

  /** The next event to write; counts it as sent, or as sent again. */
  next(): Event | undefined {
    const next = this.#events[this.#written];
    if (next === undefined) return undefined;
    if (this.#written < this.#sent) {
      this.#tally.resent += 1;
    } else {
      this.#tally.sent += 1;
      this.#sent += 1;
    }
    this.#written += 1;
    return next.event;
  }

  /** The stream was answered with OK: all that was written is accounted for. */
  settleAll(summary: StreamSummary): void {
    // The first published version of the contract answers with nothing but success.
    const uncounted = summary.success && summary.received === 0 && summary.accepted === 0;
    this.#settle(uncounted ? { ...summary, accepted: this.#written } : summary);
    if (!summary.success) this.#tally.success = false;
    // An answer that leaves events out is no acknowledgement of them.
    this.#tally.unknown += this.#written;
    this.#drop(this.#written);
  }

  /** The stream failed: settles what the failure's summary covers and keeps the rest. */
  settlePrefix({ summary, ambiguous }: CallFailure): void {
    if (summary !== undefined) this.#settle(summary);
    if (ambiguous) this.#ambiguous = Math.max(this.#ambiguous, this.#written);
  }

  /** Gives up what was sent and is still here. What was not sent yet stays. */
  giveUp(): void {
    this.#tally.unknown += this.#ambiguous;
    this.#tally.failed += this.#sent - this.#ambiguous;
    this.#drop(this.#sent);
  }

  #settle({ accepted, rejected, rejections }: StreamSummary): void {
    const refused = Math.min(Math.max(0, rejected), this.#written);
    const taken = Math.min(Math.max(0, accepted), this.#written - refused);
    this.#tally.answer({ accepted: taken, rejected: refused });
    for (const { index, eventId, code, message } of rejections) {
      const rejection = { eventId, code: codeName(code), message };
      this.#tally.reject(this.#events[index]?.position, rejection);
    }
    this.#drop(taken + refused);
  }

  #drop(count: number): void {
    if (count === this.#events.length) {
      this.#events = [];
      this.#bytes = 0;
    } else {
      for (const { bytes } of this.#events.splice(0, count)) this.#bytes -= bytes;
    }
    this.#written = Math.max(0, this.#written - count);
    this.#sent = Math.max(0, this.#sent - count);
    this.#ambiguous = Math.max(0, this.#ambiguous - count);
  }
}
