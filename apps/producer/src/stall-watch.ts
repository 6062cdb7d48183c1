import type { Clock } from '@event-pipeline/runtime';
import type { Tally } from './tally';

/** Longest time between two looks. */
const LOOK_MS = 1_000;

export interface StallLimits {
  readonly clock: Clock;
  readonly tally: Tally;
  readonly limitMs: number;
  /** Whether something waits for the collector beside the events sent. */
  readonly waiting: () => boolean;
}

/**
 * Calls `onStall` once when the collector has been waited for during `limitMs` without any answer.
 * Time in which nothing waits for it does not count: a slow input is no stall. Resolves when the
 * signal aborts or after the stall.
 */
export async function watchForStall(
  { clock, tally, limitMs, waiting }: StallLimits,
  signal: AbortSignal,
  onStall: () => void,
): Promise<void> {
  const lookMs = Math.min(LOOK_MS, limitMs / 4);
  let settled = tally.settled;
  let movedAt = clock.monotonic();
  for (;;) {
    await clock.sleep(lookMs, signal);
    if (signal.aborted) return;
    const now = clock.monotonic();
    if (tally.settled !== settled || (tally.outstanding === 0 && !waiting())) {
      settled = tally.settled;
      movedAt = now;
    } else if (now - movedAt >= limitMs) {
      onStall();
      return;
    }
  }
}
