import fc from 'fast-check';
import { queueModelProperty } from './model-run';
import { modelRuns } from './model-runs';
import type { EngineUnderModel } from './queue-under-model';

const MS_A_RUN = 1_000;

/**
 * Holds an engine to the reference queue over random sequences of calls and mishaps. A failure prints
 * the seed, the path and the shortest sequence that shows it.
 */
export function describeQueueModel(
  name: string,
  usualRuns: number,
  engine: () => EngineUnderModel,
): void {
  const runs = modelRuns(usualRuns);
  describe(`${name}: against the reference queue`, () => {
    it(
      'gives the same answers and keeps the same counts, whatever is called in whatever order',
      () => fc.assert(queueModelProperty(engine()), { numRuns: runs }),
      120_000 + runs * MS_A_RUN,
    );
  });
}
