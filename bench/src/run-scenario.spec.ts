import { Scratch } from '@event-pipeline/runtime/testing';
import { runScenario, type BenchRun } from './run-scenario';
import { insistOn, type Scenario, type Subject } from './scenario';
import { aResult } from './testing/a-result';

const run = (changes: Partial<BenchRun> = {}): BenchRun => ({
  rounds: 3,
  scale: 1,
  machine: aResult().machine,
  commit: 'c',
  scratch: new Scratch(),
  stop: new AbortController().signal,
  tell: () => undefined,
  ...changes,
});

/** Two sides, which give what they are told, round by round. */
function scenarioOf(a: readonly number[], b: readonly number[], order: string[] = []): Scenario {
  const side = (name: string, values: readonly number[]): Subject => {
    let round = 0;
    const figures = { rate: { title: name, unit: 'events/s' as const } };
    return {
      name,
      figures,
      run: () => {
        order.push(name);
        return Promise.resolve({ values: { rate: values[round++] ?? NaN } });
      },
    };
  };
  return {
    name: 'stream-events',
    title: 'A title',
    needs: [],
    prepare: () =>
      Promise.resolve({
        conditions: [],
        subjects: [side('a', a), side('b', b)],
        comparisons: [{ name: 'a to b', of: 'a.rate', over: 'b.rate', goal: { atLeast: 2 } }],
      }),
  };
}

describe('a scenario', () => {
  it('runs its sides in turns, the other way round in every second round', async () => {
    const order: string[] = [];
    const result = await runScenario(scenarioOf([2, 4, 6], [1, 2, 2], order), run());
    expect(order).toEqual(['a', 'b', 'b', 'a', 'a', 'b']);
    expect(result.figures[0]).toMatchObject({ id: 'a.rate', median: 4, lowest: 2, highest: 6 });
    expect(result.comparisons[0]).toMatchObject({ rounds: [2, 2, 3], median: 2, isMet: true });
  });

  it('gives no result at all where one run does not count, and cleans up behind it', async () => {
    let cleaned = 0;
    const scenario = scenarioOf([1, 1, 1], [1, 1, 1]);
    const bad: Scenario = {
      ...scenario,
      prepare: async (context) => {
        const prepared = await scenario.prepare(context);
        const wrong: Subject = {
          name: 'b',
          figures: {},
          run: async (scratch) => {
            scratch.afterwards(() => (cleaned += 1));
            insistOn('events that the queue counts', 999, 1_000);
            return Promise.resolve({ values: {} });
          },
        };
        return { ...prepared, subjects: [...prepared.subjects.slice(0, 1), wrong] };
      },
    };
    await expect(runScenario(bad, run())).rejects.toThrow(
      'b: events that the queue counts: 999, expected 1000',
    );
    expect(cleaned).toBe(1);
  });

  it('refuses a figure that was not measured', async () => {
    await expect(runScenario(scenarioOf([1, NaN, 1], [1, 1, 1]), run())).rejects.toThrow(
      'no numbers',
    );
  });

  it('makes one round where its runs are that long', async () => {
    const result = await runScenario({ ...scenarioOf([4], [2]), rounds: 1 }, run());
    expect(result.rounds).toBe(1);
    expect(result.figures[0]?.rounds).toEqual([4]);
  });

  it('starts no further run once it was interrupted', async () => {
    const order: string[] = [];
    const stop = new AbortController();
    stop.abort();
    const interrupted = runScenario(scenarioOf([1], [1], order), run({ stop: stop.signal }));
    await expect(interrupted).rejects.toThrow();
    expect(order).toEqual([]);
  });
});
