import {
  createProgress as createProgressOf,
  grouped,
  type Progress,
  type ProgressOutput,
} from '@event-pipeline/command-line';
import type { Clock } from '@event-pipeline/runtime';
import type { Tally } from './tally';

export type { Progress, ProgressOutput };

/** A bar on a terminal; elsewhere a line every few seconds. */
export function createProgress(output: ProgressOutput, tally: Tally, clock: Clock): Progress {
  const source = {
    value: () => tally.settled,
    counts: (seconds: number) => {
      const rate = seconds > 0 ? Math.round(tally.settled / seconds) : 0;
      return `${grouped(tally.acknowledged)} acknowledged | ${grouped(rate)} events/s`;
    },
    line: (of: string) =>
      `${grouped(tally.sent)}${of} sent, ${grouped(tally.acknowledged)} acknowledged`,
  };
  return createProgressOf(output, source, clock);
}
