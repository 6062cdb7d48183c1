/** When a failed event is tried again, and when no more. */
export interface RetryPolicy {
  /** Deliveries in all; the last failure makes a dead letter. */
  readonly maxAttempts: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /**
   * A failure this long after the first one makes a dead letter, however many attempts are left, ms;
   * 0: no limit. Time is the queue's own.
   */
  readonly maxAgeMs: number;
}

export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  maxAttempts: 10,
  baseDelayMs: 200,
  maxDelayMs: 60_000,
  maxAgeMs: 24 * 60 * 60_000,
};

/** The longest delay after the n-th failure (n from 1), ms: doubles from the base up to the maximum. */
export function backoffCeilingMs(
  { baseDelayMs, maxDelayMs }: Pick<RetryPolicy, 'baseDelayMs' | 'maxDelayMs'>,
  failures: number,
): number {
  const exponent = Math.min(Math.max(failures, 1) - 1, 30);
  return Math.floor(Math.min(maxDelayMs, baseDelayMs * 2 ** exponent));
}

/**
 * Milliseconds to wait after the n-th failure (n from 1): full jitter over an exponential ceiling,
 * so that events that failed together do not come back together.
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 *
 * @param random a number in [0, 1)
 */
export function backoffDelayMs(
  policy: Pick<RetryPolicy, 'baseDelayMs' | 'maxDelayMs'>,
  failures: number,
  random: number,
): number {
  return Math.floor(random * (backoffCeilingMs(policy, failures) + 1));
}
