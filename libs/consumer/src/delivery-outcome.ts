import { propertyOf } from '@event-pipeline/runtime';
import { backoffDelayMs, type DeadReason, type RetryPolicy } from '@event-pipeline/queue';
import { errorText } from './error-text';

/** What becomes of an event whose handler failed. */
export type FailureOutcome =
  | { readonly outcome: 'retry'; readonly delayMs: number; readonly error: string }
  | { readonly outcome: 'dead'; readonly reason: DeadReason; readonly error: string };

/** Longest delay that a handler can ask for with `retryAfterMs`. */
export const MAX_RETRY_AFTER_MS = 24 * 60 * 60_000;

/** What counts against an event whose handler failed. */
export interface FailureRecord {
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  /** Time since its first failure by the queue's clock, ms; 0 where this is the first. */
  readonly ageMs: number;
}

/**
 * Decides from what a handler threw. Total: whatever was thrown, even an object whose properties
 * throw, gets an outcome.
 *
 * @param random a number in [0, 1), for the jitter
 */
export function failureOutcome(
  thrown: unknown,
  { attempt, ageMs }: FailureRecord,
  policy: RetryPolicy,
  random: number,
): FailureOutcome {
  const error = errorText(thrown);
  if (isPermanent(thrown)) return { outcome: 'dead', reason: 'permanent-error', error };
  if (attempt >= policy.maxAttempts)
    return { outcome: 'dead', reason: 'attempts-exhausted', error };
  if (policy.maxAgeMs > 0 && ageMs >= policy.maxAgeMs)
    return { outcome: 'dead', reason: 'too-old', error };
  const delayMs = retryAfterMs(thrown) ?? backoffDelayMs(policy, attempt, random);
  return { outcome: 'retry', delayMs, error };
}

/** Whether what was thrown says that trying again is pointless. */
export function isPermanent(thrown: unknown): boolean {
  return (
    propertyOf(thrown, 'permanent') === true || propertyOf(thrown, 'name') === 'PermanentError'
  );
}

function retryAfterMs(thrown: unknown): number | undefined {
  const value = propertyOf(thrown, 'retryAfterMs');
  if (typeof value !== 'number' || !(value >= 0)) return undefined;
  return Math.min(Math.ceil(value), MAX_RETRY_AFTER_MS);
}
