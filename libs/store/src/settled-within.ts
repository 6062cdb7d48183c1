import type { Clock } from '@event-pipeline/runtime';

/** Resolves when the promise has settled, either way, or when the time is over. */
export async function settledWithin(
  clock: Clock,
  ms: number,
  promise: Promise<unknown>,
): Promise<void> {
  const settled = new AbortController();
  const end = () => settled.abort();
  promise.then(end, end);
  await clock.sleep(ms, settled.signal);
}
