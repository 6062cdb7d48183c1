import fc from 'fast-check';
import type { DeadLetter } from '../../../dead-letters';
import type { Queue } from '../../../queue';
import { expectEqual, QueueCommand, userOf, WORKERS } from '../queue-command';
import type { QueueModel } from '../queue-model';
import type { QueueUnderModel } from '../queue-under-model';

const ALL = { maxLetters: 1_000, maxBytes: 1_000_000 };

const call = fc.record({
  operator: fc.nat({ max: WORKERS - 1 }),
  what: fc.constantFrom('redrive' as const, 'redrive' as const, 'purge' as const),
  /** Which letters, in the order of the call; one that is named twice is gone the second time. */
  nths: fc.array(fc.nat({ max: 8 }), { minLength: 1, maxLength: 4 }),
  isReplyLost: fc.boolean(),
});
type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;

/**
 * An operator looks at the dead letters, and puts some back or drops them; where the reply is lost,
 * once more. Ids are each engine's own, their order is not.
 */
export class DeadLetterCommand extends QueueCommand {
  constructor(private readonly call: Call) {
    super();
  }

  protected override isPossible(model: Readonly<QueueModel>): boolean {
    return model.reference.deadLettersIn().length > 0;
  }

  protected override async act(model: QueueModel, real: QueueUnderModel): Promise<void> {
    const { operator, what, nths, isReplyLost } = this.call;
    const user = userOf(real, operator);
    const expected = await lettersOf(model.reference);
    const actual = await lettersOf(user);
    expectEqual(actual.map(withoutIdAndTimes), expected.map(withoutIdAndTimes));
    const idsOf = (letters: readonly DeadLetter[]) =>
      nths.map((nth) => letters[nth % letters.length]?.id ?? '');
    const [ids, expectedIds] = [idsOf(actual), idsOf(expected)];
    for (let calls = isReplyLost ? 2 : 1; calls > 0; calls--) {
      const moved = await model.reference.deadLetters[what](0, expectedIds);
      expectEqual(await user.deadLetters[what](0, ids), moved);
    }
  }

  override toString(): string {
    const { what, nths, isReplyLost } = this.call;
    return `${what}(${nths.join(' + ')})${isReplyLost ? ' twice' : ''}`;
  }
}

async function lettersOf(queue: Queue): Promise<readonly DeadLetter[]> {
  return (await queue.deadLetters.list(0, ALL)).letters;
}

function withoutIdAndTimes(letter: DeadLetter) {
  const { body, reason, error, handler, attempts, crashes, firstFailureAt, diedAt } = letter;
  const isDated = 0 < firstFailureAt && firstFailureAt <= diedAt;
  return { body, reason, error, handler, attempts, crashes, isDated };
}

export const deadLetterCommands = call.map((one) => new DeadLetterCommand(one));
