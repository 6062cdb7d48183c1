import fc from 'fast-check';
import { queueModelProperty } from './model-run';
import { isThorough } from './model-runs';
import type { EngineUnderModel } from './queue-under-model';

/** A mistake that somebody could make in an engine. */
export interface PlantedBug {
  /** What is wrong then. */
  readonly name: string;
  /** Makes the mistake, for the present test alone. */
  readonly plant: () => void;
}

/** Runs after which a planted bug must have shown. */
const MAX_RUNS = 300;
/** How long a counterexample is shortened. */
const SHRINKING_MS = 10_000;
/** Fixed, so that the answer is the same each time: that these runs find the bug. */
const SEED = 20_260_401;

/**
 * Proof that the model test can fail: with each of these mistakes it does. Prints after how many runs,
 * and the sequence of calls that shows it; where FAULT_RUNS is set, shortened.
 */
export function describePlantedBugs(
  name: string,
  bugs: readonly PlantedBug[],
  engine: () => EngineUnderModel,
): void {
  describe(`${name}: the comparison with the reference queue notices`, () => {
    const shown: string[] = [];

    afterEach(() => jest.restoreAllMocks());
    afterAll(() => console.info(`${name}, planted bugs\n${shown.join('\n')}`));

    it.each(bugs.map((bug) => [bug.name, bug] as const))(
      'that %s',
      async (_, { name: bug, plant }) => {
        plant();
        const property = queueModelProperty(engine());
        const search = { seed: SEED, numRuns: MAX_RUNS };
        const found = await fc.check(property, { ...search, endOnFailure: true });
        expect(found).toMatchObject({ failed: true });
        const shrinking = { path: found.counterexamplePath ?? '', ...search };
        const run = isThorough
          ? await fc.check(property, { ...shrinking, skipAllAfterTimeLimit: SHRINKING_MS })
          : found;
        const calls = String(run.counterexample?.[0]).replace(/ \/\*.*\*\//, '');
        const length = calls === '' ? 0 : calls.split(',').length;
        shown.push(`${bug}: after ${found.numRuns} runs, shown by ${length} calls: ${calls}`);
      },
      60_000 + 2 * SHRINKING_MS,
    );
  });
}
