import type { BatchResult, HandlerFailure } from './event-handler';

/** An event that has failed so often is handed to its batch handler alone. */
const ALONE_AFTER_FAILURES = 3;

/** One event for a batch handler, with its position in the lease. */
export interface GroupMember<E> {
  readonly index: number;
  readonly event: E;
  /** 1 the first time. */
  readonly attempt: number;
}

/** Whether it has never failed before. */
export function isFresh({ attempt }: GroupMember<unknown>): boolean {
  return attempt === 1;
}

/**
 * Which events a batch handler gets in one call: all of them, but those that have failed often or
 * are at their last attempt each alone. One event that makes the whole call fail would else take all
 * the others to the dead letters with it.
 */
export function batchCalls<E>(
  members: readonly GroupMember<E>[],
  maxAttempts: number,
): readonly (readonly GroupMember<E>[])[] {
  const isAlone = ({ attempt }: GroupMember<E>) =>
    attempt > 1 && (attempt > ALONE_AFTER_FAILURES || attempt >= maxAttempts);
  if (!members.some(isAlone)) return [members];
  const together = members.filter((member) => !isAlone(member));
  const alone = members.filter(isAlone).map((member) => [member]);
  return together.length > 0 ? [together, ...alone] : alone;
}

/** Throws for an answer that does not say which events failed: then all of them count as failed. */
export function failuresByIndex(returned: BatchResult, size: number): ReadonlyMap<number, unknown> {
  const errors = new Map<number, unknown>();
  if (returned === undefined || returned === null) return errors;
  if (!Array.isArray(returned)) {
    throw new TypeError('the batch handler returned neither nothing nor a list of failures');
  }
  for (const failure of returned as readonly Partial<HandlerFailure>[]) {
    const index = failure?.index;
    if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= size) {
      throw new RangeError(
        `the batch handler named a failure without an index from 0 to ${size - 1}`,
      );
    }
    if (!errors.has(index)) errors.set(index, failure.error);
  }
  return errors;
}
