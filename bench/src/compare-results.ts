import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ComparisonResult, ScenarioResult } from './result';

/** With fewer there is no spread to speak of. */
const FEWEST_ROUNDS = 3;

export interface Verdict {
  readonly lines: readonly string[];
  readonly isWorse: boolean;
  /** How many comparisons could be made. */
  readonly compared: number;
}

/**
 * Whether a comparison got worse: its median went the bad way by more than the spread, from the lowest
 * to the highest round, of either run. One that is measured once counts as worse when it met its goal
 * before and no longer does.
 */
export function isWorse(before: ComparisonResult, now: ComparisonResult): boolean {
  const rounds = Math.min(before.rounds.length, now.rounds.length);
  if (rounds < FEWEST_ROUNDS) return before.isMet && !now.isMet;
  const spread = Math.max(before.highest - before.lowest, now.highest - now.lowest);
  const loss = 'atLeast' in now.goal ? before.median - now.median : now.median - before.median;
  return loss > spread;
}

/** Compares by ratio alone: rates of two machines, or of two days, say nothing about the code. */
export function compareResults(
  before: readonly ScenarioResult[],
  now: readonly ScenarioResult[],
): Verdict {
  const lines: string[] = [];
  let worse = 0;
  let compared = 0;
  for (const result of now) {
    const old = before.find(({ name }) => name === result.name);
    if (!old) {
      lines.push(`${result.name}: nothing to compare with`);
      continue;
    }
    if (result.scale !== 1 || old.scale !== 1) {
      lines.push(
        `${result.name}: not compared, it was run at a scale of ${Math.min(result.scale, old.scale)}`,
      );
      continue;
    }
    for (const comparison of old.comparisons) {
      const found = result.comparisons.find(({ name }) => name === comparison.name);
      const what = `${result.name}, ${comparison.name}`;
      if (!found) {
        lines.push(`${what}: not measured this time`);
        continue;
      }
      compared += 1;
      const bad = isWorse(comparison, found);
      if (bad) worse += 1;
      lines.push(
        `${what}: ${shown(comparison)} before, ${shown(found)} now${bad ? ': WORSE' : ''}`,
      );
    }
  }
  return { lines, isWorse: worse > 0, compared };
}

function shown({ median, lowest, highest }: ComparisonResult): string {
  const text = (value: number) => value.toPrecision(3);
  return `${text(median)} (${text(lowest)} to ${text(highest)})`;
}

/** Every result in a folder; none where there is no such folder. */
export function readResults(folder: string): readonly ScenarioResult[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as ScenarioResult)
    .filter(({ format }) => format === 1);
}
