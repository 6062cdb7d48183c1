import { compareResults, isWorse } from './compare-results';
import { compareFigures, type ComparisonResult } from './result';
import { aResult } from './testing/a-result';

const atLeast = (...rounds: number[]): ComparisonResult =>
  compareFigures({ name: 'ours to theirs', of: 'a.rate', goal: { atLeast: 1 } }, [
    { id: 'a.rate', title: '', unit: 'events/s', median: 0, lowest: 0, highest: 0, rounds },
  ])!;
const atMost = (...rounds: number[]) => ({ ...atLeast(...rounds), goal: { atMost: 5 } });

describe('a comparison of two runs', () => {
  it('calls a ratio worse only where it fell by more than the spread of either run', () => {
    expect(isWorse(atLeast(1, 1.1, 1.2), atLeast(0.8, 0.85, 0.9))).toBe(true);
    expect(isWorse(atLeast(1, 1.1, 1.2), atLeast(0.9, 0.95, 1))).toBe(false);
    expect(isWorse(atLeast(1, 1.1, 1.2), atLeast(0.4, 0.85, 0.9))).toBe(false);
    expect(isWorse(atLeast(1, 1.1, 1.2), atLeast(3, 3, 3))).toBe(false);
  });

  it('calls a latency worse where it rose', () => {
    expect(isWorse(atMost(1, 1, 1.1), atMost(2, 2, 2.1))).toBe(true);
    expect(isWorse(atMost(2, 2, 2.1), atMost(1, 1, 1.1))).toBe(false);
  });

  it('goes by the goal alone where there is one round, since that has no spread', () => {
    expect(isWorse(atLeast(1.5), atLeast(1.01))).toBe(false);
    expect(isWorse(atLeast(1.5), atLeast(0.99))).toBe(true);
    expect(isWorse(atLeast(0.5), atLeast(0.4))).toBe(false);
  });

  it('names what got worse, and compares no run at another scale', () => {
    const before = aResult({ comparisons: [atLeast(2, 2, 2)] });
    const now = aResult({ comparisons: [atLeast(1, 1, 1)] });
    const verdict = compareResults([before], [now]);
    expect(verdict).toMatchObject({ isWorse: true, compared: 1 });
    expect(verdict.lines).toEqual([
      'stream-events, ours to theirs: 2.00 (2.00 to 2.00) before, 1.00 (1.00 to 1.00) now: WORSE',
    ]);
    expect(compareResults([before], [{ ...now, scale: 0.1 }])).toMatchObject({
      isWorse: false,
      compared: 0,
    });
    expect(compareResults([], [now])).toMatchObject({ isWorse: false, compared: 0 });
  });

  it('pairs the rounds: the ratio is that of each round, not that of the medians', () => {
    const figure = (id: string, rounds: number[]) => ({
      ...{ id, title: '', unit: 'events/s' as const, median: 0, lowest: 0, highest: 0 },
      rounds,
    });
    const figures = [figure('a.rate', [10, 40, 90]), figure('b.rate', [10, 20, 30])];
    const rule = { name: 'a to b', of: 'a.rate', over: 'b.rate', goal: { atLeast: 2.5 } };
    expect(compareFigures(rule, figures)).toMatchObject({
      rounds: [1, 2, 3],
      median: 2,
      isMet: false,
    });
    expect(compareFigures(rule, figures.slice(0, 1))).toBeUndefined();
  });
});
