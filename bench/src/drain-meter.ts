import { systemClock } from '@event-pipeline/runtime';
import { RefusedRun } from './scenario';

const LIMIT_MS = 60 * 60_000;
const EVERY_MS = 5;

/** When a count was read, and what it was. */
export interface CountAt {
  readonly ms: number;
  readonly count: number;
}

/**
 * Reads a count until it has reached `enough`, by default all there is.
 *
 * @throws RefusedRun where it says more than there is, or takes more than an hour
 */
export async function followCount(
  read: () => Promise<number>,
  total: number,
  enough = total,
): Promise<readonly CountAt[]> {
  const counts: CountAt[] = [];
  const start = systemClock.monotonic();
  for (;;) {
    const count = await read();
    const ms = systemClock.monotonic();
    if (counts.at(-1)?.count !== count) counts.push({ ms, count });
    if (count > total) throw new RefusedRun(`${count} events were counted, there are ${total}`);
    if (count >= enough) return counts;
    if (ms - start > LIMIT_MS) throw new RefusedRun(`after an hour ${count} of ${total} are done`);
    await systemClock.sleep(EVERY_MS);
  }
}

/**
 * Events a second from the moment when the warm-up was over to the last one: starting the program does
 * not count.
 */
export function rateAfter(warmUp: number, counts: readonly CountAt[]): number {
  const from = counts.find(({ count }) => count > 0 && count >= warmUp);
  const to = counts.at(-1);
  if (!from || !to || to.count <= from.count || to.ms <= from.ms) {
    throw new RefusedRun('it was over before it could be timed: take more events (--scale)');
  }
  return ((to.count - from.count) * 1_000) / (to.ms - from.ms);
}

/** Follows the count to its end and gives the rate after the first twentieth. */
export async function drainRate(read: () => Promise<number>, total: number): Promise<number> {
  return rateAfter(total / 20, await followCount(read, total));
}
