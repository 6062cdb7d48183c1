import type { Comparison, Unit } from './scenario';
import type { Machine } from './machine';
import { summaryOf, type Summary } from './statistics';

export interface FigureResult extends Summary {
  /** `SUBJECT.FIGURE` */
  readonly id: string;
  readonly title: string;
  readonly unit: Unit;
  /** One a round. */
  readonly rounds: readonly number[];
}

export interface ComparisonResult extends Summary {
  readonly name: string;
  /** Whether a smaller one is better. */
  readonly goal: Comparison['goal'];
  readonly isMet: boolean;
  /** Absent: the figure itself is held against the goal. */
  readonly isRatio: boolean;
  readonly rounds: readonly number[];
}

/** What bench/results/NAME.json holds. */
export interface ScenarioResult {
  readonly format: 1;
  readonly name: string;
  readonly title: string;
  readonly takenAt: string;
  readonly commit: string;
  /** 1 for a run that counts. */
  readonly scale: number;
  readonly rounds: number;
  readonly machine: Machine;
  readonly conditions: readonly string[];
  readonly figures: readonly FigureResult[];
  readonly comparisons: readonly ComparisonResult[];
  readonly series: readonly {
    readonly id: string;
    readonly points: readonly (readonly [number, number])[];
  }[];
  /** Sides that were left out, and why. */
  readonly skipped: readonly string[];
}

/**
 * Compares round by round, so that what slows the machine for a while slows both sides; the median is
 * that of the ratios. Undefined where a side was left out.
 */
export function compareFigures(
  comparison: Comparison,
  figures: readonly FigureResult[],
): ComparisonResult | undefined {
  const { name, of, over, goal } = comparison;
  const side = (id: string) => figures.find((figure) => figure.id === id)?.rounds;
  const above = side(of);
  const below = over === undefined ? undefined : side(over);
  if (!above || (over !== undefined && !below)) return undefined;
  const rounds = above.map((value, round) => (below ? value / (below[round] ?? NaN) : value));
  const summary = summaryOf(rounds);
  const isMet = 'atLeast' in goal ? summary.median >= goal.atLeast : summary.median <= goal.atMost;
  return { name, goal, isMet, isRatio: over !== undefined, ...summary, rounds };
}
