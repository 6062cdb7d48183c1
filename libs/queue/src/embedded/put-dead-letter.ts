import { MAX_ERROR_LENGTH, type DeadReason, type Delivery } from '../queue';
import type { DeadLetterRecord, PartitionRecords } from './partition-records';
import type { PartitionState } from './partition-state';

export interface Death {
  readonly reason: DeadReason;
  readonly error: string;
  readonly handler: string;
  readonly now: number;
}

/** Keeps an event as a dead letter; it goes on counting towards the limits of the queue. */
export function putDeadLetter(
  records: PartitionRecords,
  state: PartitionState,
  event: Delivery,
  { reason, error, handler, now }: Death,
): void {
  const letter: DeadLetterRecord = {
    body: event.body,
    reason,
    error: error.slice(0, MAX_ERROR_LENGTH),
    handler: handler.slice(0, MAX_ERROR_LENGTH),
    attempts: event.attempts,
    crashes: event.crashes,
    firstFailureAt: event.firstFailureAt,
    lastFailureAt: now,
  };
  records.putJson(records.keys.dead(state.nextDead++), letter);
  state.dead += 1;
}
