import type { Clock } from './clock';

/** One thing that was looked at, and what follows from it: what logs, /readyz and the doctor share. */
export interface Finding {
  /** What was looked at, e.g. "appendfsync". */
  readonly setting: string;
  /** What it is, e.g. "everysec". */
  readonly value: string;
  /** `problem`: a promise does not hold, or something does not work. */
  readonly level: 'ok' | 'warning' | 'problem';
  /** What it means, in words that follow the value; empty where all is right. */
  readonly meaning: string;
  /** Commands and lines of a configuration that put it right, each ready to be copied. */
  readonly change: readonly string[];
}

export function fineFinding(setting: string, value: string | number): Finding {
  return { setting, value: String(value), level: 'ok', meaning: '', change: [] };
}

export function warningFinding(
  setting: string,
  value: string | number,
  meaning: string,
  ...change: readonly string[]
): Finding {
  return { setting, value: String(value), level: 'warning', meaning, change };
}

export function problemFinding(
  setting: string,
  value: string | number,
  meaning: string,
  ...change: readonly string[]
): Finding {
  return { setting, value: String(value), level: 'problem', meaning, change };
}

/** Above this, times that different machines note do not fit together, ms. */
const MAX_CLOCK_OFFSET_MS = 1_000;

/**
 * How far a server's clock is from this machine's. Its answer is taken for the middle of the round
 * trip, so the offset is known to within half of that: less is no finding.
 *
 * @param ask resolves with the server's time, Unix ms
 */
export async function compareClocks(clock: Clock, ask: () => Promise<number>): Promise<Finding> {
  const begin = clock.monotonic();
  const sentAt = clock.now();
  const theirs = await ask();
  const roundTripMs = clock.monotonic() - begin;
  const offsetMs = theirs - (sentAt + roundTripMs / 2);
  const certainMs = Math.abs(offsetMs) - roundTripMs / 2;
  const value = `${Math.round(offsetMs)} ms from this machine (round trip ${Math.round(roundTripMs)} ms)`;
  if (certainMs <= MAX_CLOCK_OFFSET_MS) return fineFinding('clock', value);
  const means = 'ages and delays that are shown may be wrong by that; leases are not affected';
  return warningFinding('clock', value, means, 'synchronise the clocks of both machines (NTP)');
}
