import type { Clock } from '@event-pipeline/runtime';
import type { Tally } from './tally';

/** Longest time between two looks. */
const LOOK_MS = 1_000;

/**
 * Calls `onStall` once when events have been waiting for an answer for `limitMs` in which no answer
 * came at all. Time in which nothing is outstanding does not count: a slow input is no stall.
 * Resolves when the signal aborts or after the stall.
 */
export async function watchForStall(
  { clock, tally, limitMs }: { clock: Clock; tally: Tally; limitMs: number },
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
    if (tally.settled !== settled || tally.outstanding === 0) {
      settled = tally.settled;
      movedAt = now;
    } else if (now - movedAt >= limitMs) {
      onStall();
      return;
    }
  }
}
