import type { Rejection } from '@event-pipeline/contracts';

/** Told what happens at the door; implemented by metrics. Must not throw. */
export interface IntakeObserver {
  received(events: number): void;
  /** Acknowledged, or about to be: durable in the queue. */
  accepted(events: number): void;
  rejected(rejection: Rejection): void;
  /** Events of a batch that was answered as a duplicate. */
  duplicate(events: number): void;
  /** Time from the receipt of a request to its answer. */
  acknowledged(seconds: number): void;
  /** A client went away before its answer, with this many events not yet durable. */
  abandoned(pendingEvents: number): void;
  answerFailed(reason: string): void;
}
