const BASE_MS = 100;
const MAX_MS = 2_000;

/**
 * Milliseconds to wait before the queue or the sink is asked again after its n-th failure in a row
 * (n from 1): a ceiling that doubles from 100 ms to 2 s or what is given, of which the upper half is
 * left to chance.
 *
 * @param random a number in [0, 1)
 */
export function reconnectDelayMs(failures: number, random: number, maxMs = MAX_MS): number {
  const ceiling = Math.min(maxMs, BASE_MS * 2 ** Math.min(failures - 1, 10));
  return ceiling / 2 + (ceiling / 2) * random;
}
