import type { Rejection } from '@event-pipeline/contracts';
import type { ErrorCode } from '@event-pipeline/runtime';

/** Told what happens at the door; implemented by metrics. Must not throw. */
export interface IntakeObserver {
  received(events: number): void;
  /** Acknowledged, or about to be: durable in the queue. */
  accepted(events: number): void;
  rejected(rejection: Rejection): void;
  /** Events of a batch that was answered as a duplicate. */
  duplicate(events: number): void;
  /** Time from the beginning of a call to its good answer; of a stream, its whole duration. */
  acknowledged(seconds: number): void;
  /** A call ended with an error. */
  failed(code: ErrorCode): void;
  /** A client went away before its answer, with this many events not yet durable. */
  abandoned(pendingEvents: number): void;
  answerFailed(reason: string): void;
}
