import { messageOf } from '@event-pipeline/runtime';
import { backoffDelayMs, type DeadReason, type RetryPolicy } from '@event-pipeline/queue';

/** What becomes of an event whose handler failed. */
export type FailureOutcome =
  | { readonly outcome: 'retry'; readonly delayMs: number; readonly error: string }
  | { readonly outcome: 'dead'; readonly reason: DeadReason; readonly error: string };

/** Longest delay that a handler can ask for with `retryAfterMs`. */
export const MAX_RETRY_AFTER_MS = 24 * 60 * 60_000;

/** Longest error text that is sent to the queue, in characters (UTF-16 units). */
export const MAX_ERROR_LENGTH = 1_024;

/**
 * Decides from what a handler threw. Total: whatever was thrown, even an object whose properties
 * throw, gets an outcome.
 *
 * @param attempt the attempt that failed, from 1
 * @param random a number in [0, 1), for the jitter
 */
export function failureOutcome(
  thrown: unknown,
  attempt: number,
  policy: RetryPolicy,
  random: number,
): FailureOutcome {
  const error = errorText(thrown);
  if (isPermanent(thrown)) return { outcome: 'dead', reason: 'permanent-error', error };
  if (attempt >= policy.maxAttempts)
    return { outcome: 'dead', reason: 'attempts-exhausted', error };
  const delayMs = retryAfterMs(thrown) ?? backoffDelayMs(policy, attempt, random);
  return { outcome: 'retry', delayMs, error };
}

/** What was thrown, for people: name and message, cut to {@link MAX_ERROR_LENGTH}. */
export function errorText(thrown: unknown): string {
  const name = property(thrown, 'name');
  const message = safeMessage(thrown);
  const prefix = typeof name === 'string' && name !== '' && name !== 'Error' ? `${name}: ` : '';
  return `${prefix}${message}`.slice(0, MAX_ERROR_LENGTH);
}

function isPermanent(thrown: unknown): boolean {
  return property(thrown, 'permanent') === true || property(thrown, 'name') === 'PermanentError';
}

function retryAfterMs(thrown: unknown): number | undefined {
  const value = property(thrown, 'retryAfterMs');
  if (typeof value !== 'number' || !(value >= 0)) return undefined;
  return Math.min(Math.ceil(value), MAX_RETRY_AFTER_MS);
}

function property(thrown: unknown, name: string): unknown {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  try {
    return Reflect.get(thrown, name);
  } catch {
    return undefined;
  }
}

function safeMessage(thrown: unknown): string {
  try {
    return String(messageOf(thrown));
  } catch {
    return 'unprintable error';
  }
}
