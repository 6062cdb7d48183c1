import type { PublishEventsResponse } from '@event-pipeline/contracts';
import type { Clock } from '@event-pipeline/runtime/basics';
import type { Batch } from './batch';
import type { CallFailure } from './failure-rules';
import type { LiveBatches } from './live-batches';
import type { PublishErrorCode, PublishErrorDetails } from './publish-error';
import type { PublisherObserver } from './publisher-observer';
import type { SendWindow } from './send-window';
import type { Spill } from './spill-port';

export interface BatchBooksOptions {
  readonly live: LiveBatches;
  readonly window: SendWindow;
  readonly spill: Spill | undefined;
  readonly clock: Clock;
  readonly observer: Required<PublisherObserver>;
}

/** Counts, of the publisher's whole life. */
export interface BatchCounts {
  readonly acceptedEvents: number;
  readonly rejectedEvents: number;
  readonly failedEvents: number;
}

/**
 * Settles batches: tells their owners, counts their events, and gives their room back, once for each. What
 * is settled is off the disk as well; what is abandoned stays there.
 */
export class BatchBooks {
  readonly #options: BatchBooksOptions;
  #accepted = 0;
  #rejected = 0;
  #failed = 0;

  constructor(options: BatchBooksOptions) {
    this.#options = options;
  }

  get counts(): BatchCounts {
    return {
      acceptedEvents: this.#accepted,
      rejectedEvents: this.#rejected,
      failedEvents: this.#failed,
    };
  }

  written(batch: Batch): void {
    const { clock, observer } = this.#options;
    if (batch.sentAt === undefined) {
      batch.sentAt = clock.monotonic();
      observer.onSent(batch.events);
    } else {
      observer.onResent(batch.events);
    }
  }

  answered(batch: Batch, response: PublishEventsResponse): void {
    const { clock, observer } = this.#options;
    const counts = batch.answer(response);
    this.#accepted += counts.accepted;
    this.#rejected += counts.rejected;
    const latencyMs = clock.monotonic() - (batch.sentAt ?? 0);
    observer.onAnswered({ ...counts, latencyMs });
    this.settle(batch);
  }

  /** False for a batch of an earlier run that is kept: it is given up only where itself is refused. */
  refused(batch: Batch, failure: CallFailure, statusName: string): boolean {
    if (batch.recovered && failure.action === 'stop') return false;
    const details = { status: statusName, mayBeQueued: batch.ambiguous };
    this.giveUp(batch, 'REFUSED', failure.text, details);
    return true;
  }

  giveUp(
    batch: Batch,
    code: PublishErrorCode,
    message: string,
    details?: PublishErrorDetails,
  ): void {
    this.#failed += batch.fail(code, message, details);
    this.settle(batch);
  }

  /** Gives up every event that is out of time. What is on its way is settled when it has landed. */
  expire(now: number): void {
    for (const batch of [...this.#options.live]) {
      const expired = batch.expire(now);
      this.#failed += expired;
      if (expired === 0 || !batch.isTold) continue;
      batch.over = true;
      if (!batch.inFlight) this.settle(batch);
    }
  }

  /** Gives a batch up since the publisher closes. What is on disk stays there. */
  abandon(batch: Batch): void {
    const { live } = this.#options;
    if (batch.over && !live.delete(batch)) return;
    const mayBeQueued = batch.inFlight || batch.ambiguous || batch.spilled;
    const message = 'the publisher was closed before the event was acknowledged';
    if (!batch.recovered) this.#failed += batch.fail('CLOSED', message, { mayBeQueued });
    batch.over = true;
    live.delete(batch);
    this.#giveRoomBack(batch);
  }

  /** Nothing is to be done about the batch any more, on disk neither. */
  settle(batch: Batch): void {
    batch.over = true;
    if (!this.#options.live.delete(batch)) return;
    if (batch.spilled) this.#options.spill?.done(batch.id);
    this.#giveRoomBack(batch);
  }

  #giveRoomBack(batch: Batch): void {
    const { live, window } = this.#options;
    window.release(batch.events, batch.room);
    live.notify();
  }
}
