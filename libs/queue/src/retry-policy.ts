/** When a failed event is tried again, and when no more. */
export interface RetryPolicy {
  /** Deliveries in all; the last failure makes a dead letter. */
  readonly maxAttempts: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
}

export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  maxAttempts: 10,
  baseDelayMs: 200,
  maxDelayMs: 60_000,
};

/**
 * Milliseconds to wait after the n-th failure (n from 1): full jitter over an exponential ceiling,
 * so that events that failed together do not come back together.
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 *
 * @param random a number in [0, 1)
 */
export function backoffDelayMs(policy: RetryPolicy, failures: number, random: number): number {
  const exponent = Math.min(Math.max(failures, 1) - 1, 30);
  const ceiling = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** exponent);
  return Math.floor(random * (ceiling + 1));
}
