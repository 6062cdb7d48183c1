import { systemClock } from '../clock';

const LIMIT_MS = 120_000;
const INTERVAL_MS = 20;

/**
 * Waits until the condition gives a value other than false or undefined, and returns it. An error
 * counts as "not yet"; the last one is the cause when the limit is over.
 */
export async function until<T>(
  what: string,
  condition: () => Promise<T | false | undefined> | T | false | undefined,
  limitMs = LIMIT_MS,
): Promise<T> {
  const deadline = systemClock.monotonic() + limitMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== false && value !== undefined) return value;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (systemClock.monotonic() > deadline)
      throw new Error(`waited in vain until ${what}`, { cause });
    await systemClock.sleep(INTERVAL_MS);
  }
}
