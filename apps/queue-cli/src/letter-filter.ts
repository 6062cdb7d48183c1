import type { LetterView } from './letter-view';

/** What a dead letter must be like; what is undefined does not matter. */
export interface LetterFilter {
  readonly reasons: readonly string[] | undefined;
  readonly types: readonly string[] | undefined;
  readonly handlers: readonly string[] | undefined;
  /** Unix ms. */
  readonly diedBefore: number | undefined;
  /** Unix ms, itself included. */
  readonly diedAfter: number | undefined;
}

export function fits(letter: LetterView, filter: LetterFilter): boolean {
  const { reasons, types, handlers, diedBefore, diedAfter } = filter;
  const diedAt = letter.letter.diedAt;
  return (
    (reasons === undefined || reasons.includes(letter.letter.reason)) &&
    (handlers === undefined || handlers.includes(letter.letter.handler)) &&
    (types === undefined || (letter.event !== undefined && types.includes(letter.event.type))) &&
    (diedBefore === undefined || diedAt < diedBefore) &&
    (diedAfter === undefined || diedAt >= diedAfter)
  );
}
