import type { EventRejection } from '@event-pipeline/publisher';
import { LatencyHistogram } from './latency-histogram';

/** An event that the collector refused for good. */
export interface ReportedRejection {
  /** See {@link OutgoingEvent.position}; undefined where the answer named no event that was sent. */
  readonly position: number | undefined;
  readonly eventId: string;
  /** E.g. "INVALID_TYPE". */
  readonly code: string;
  readonly message: string;
}

/** How many rejections are kept in full; the rest are only counted. */
export const KEPT_REJECTIONS = 100;

/**
 * What became of every event of a run. At the end
 *
 *     sent = acknowledged + rejected + failed + unknown
 */
export class Tally {
  /** Events written to the collector at least once. */
  sent = 0;
  /** Events that are durable in the queue. */
  acknowledged = 0;
  /** Events refused one by one: sending them again is refused again. */
  rejected = 0;
  /** Events given up that are not in the queue. */
  failed = 0;
  /** Events given up without an answer: they may or may not be in the queue. */
  unknown = 0;
  /** How often an event was written again. */
  resent = 0;
  /** True while no answer of the collector said anything but success. */
  success = true;
  /** Whether there was an answer at all. */
  answered = false;
  readonly latency = new LatencyHistogram();
  readonly #rejections: ReportedRejection[] = [];

  get rejections(): readonly ReportedRejection[] {
    return this.#rejections;
  }

  /** Events that an answer settled, one way or the other. */
  get settled(): number {
    return this.acknowledged + this.rejected;
  }

  /** Events sent of which nothing is known yet. */
  get outstanding(): number {
    return this.sent - this.settled - this.failed - this.unknown;
  }

  /** Notes an answer for a number of events. */
  answer(counts: { readonly accepted: number; readonly rejected: number }): void {
    this.answered = true;
    this.acknowledged += counts.accepted;
    this.rejected += counts.rejected;
    if (counts.rejected > 0) this.success = false;
  }

  /** Notes why an event was refused that an answer has counted. */
  reject(position: number | undefined, { eventId, code, message }: EventRejection): void {
    if (this.#rejections.length >= KEPT_REJECTIONS) return;
    this.#rejections.push({ position, eventId, code, message });
  }
}
