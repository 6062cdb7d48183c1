import { randomInt } from 'node:crypto';

/**
 * How much of the fault suite runs: `npm run test:faults` sets FAULT_SUITE=whole, everything else
 * runs the quick cut. The one place that reads it.
 */
export const WHOLE_SUITE = process.env['FAULT_SUITE'] === 'whole';

/** How often each victim is killed. */
export const KILLS = WHOLE_SUITE ? 50 : 3;

/** At so many of them at least, work must have been in flight: four of five. */
export const KILLS_AT_WORK = Math.floor(KILLS * 0.8);

/** What every random decision of the suite follows from; FAULT_SEED repeats a run. */
export const FAULT_SEED = Number(process.env['FAULT_SEED'] || randomInt(1, 2 ** 31));

/** A line for whoever watches a long test; jest's own reporter speaks only at the end of a file. */
export function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}
