import fc from 'fast-check';
import type { EnqueueBatch } from '../../../queue';
import { expectSame, QueueCommand, userOf, WORKERS } from '../queue-command';
import type { QueueModel } from '../queue-model';
import type { QueueUnderModel } from '../queue-under-model';

/** What makes lengths differ, and what the encodings of the engines might take for their own. */
const filling = fc.oneof(
  fc.nat({ max: 60 }).map((length) => 'x'.repeat(length)),
  fc.constantFrom(
    '\u0001',
    '\u00011,1,1\u0001{}',
    '\u0002\u0003p,1,1',
    '\u2028ä😀',
    '\n\r\0',
    '"}{',
  ),
);

const batch = fc.record(
  {
    fillings: fc.array(filling, { maxLength: 24 }),
    /** Makes every body of the batch the same. */
    isUniform: fc.boolean(),
    rememberSteps: fc.integer({ min: 1, max: 4 }),
    /** Takes the id, and the content unless `isOther`, of a batch that was sent before. */
    again: fc.nat({ max: 6 }),
    isOther: fc.boolean(),
  },
  { requiredKeys: ['fillings', 'isUniform', 'rememberSteps', 'isOther'] },
);
type Batch = typeof batch extends fc.Arbitrary<infer T> ? T : never;

/** A producer appends batches, old ones among them; where the reply is lost, it does so again. */
export class EnqueueCommand extends QueueCommand {
  constructor(
    private readonly producer: number,
    private readonly batches: readonly Batch[],
    private readonly isReplyLost: boolean,
  ) {
    super();
  }

  protected override async act(model: QueueModel, real: QueueUnderModel): Promise<void> {
    const batches = this.batches.map((batch) => toBatch(model, batch));
    for (let calls = this.isReplyLost ? 2 : 1; calls > 0; calls--) {
      const user = userOf(real, this.producer);
      await expectSame(model, user, (queue) => queue.enqueue(0, batches));
    }
    const ids = batches.map(({ id }) => id);
    await expectSame(model, userOf(real, 0), (queue) => queue.remembers(0, ids));
    model.sent.unshift(...batches);
  }

  override toString(): string {
    const sizes = this.batches.map(({ fillings, again }) =>
      again === undefined ? fillings.length : `${fillings.length} again ${again}`,
    );
    return `enqueue(${sizes.join(' + ')})${this.isReplyLost ? ' twice' : ''}`;
  }
}

function toBatch(model: QueueModel, batch: Batch): EnqueueBatch {
  const { fillings, isUniform, again, isOther, rememberSteps } = batch;
  const before = again === undefined ? undefined : model.sent[again % model.sent.length];
  if (before !== undefined) return isOther ? { ...before, digest: 'other' } : before;
  const id = model.nextId();
  const first = model.nextBody(fillings[0] ?? '');
  return {
    id,
    digest: 'digest',
    answer: `answer ${id}\n`,
    rememberMs: model.steps(rememberSteps),
    bodies: fillings.map((each) => (isUniform ? first : model.nextBody(each))),
  };
}

export const enqueueCommands = fc
  .record({
    producer: fc.nat({ max: WORKERS - 1 }),
    batches: fc.array(batch, { minLength: 1, maxLength: 3 }),
    isReplyLost: fc.boolean(),
  })
  .map(({ producer, batches, isReplyLost }) => new EnqueueCommand(producer, batches, isReplyLost));
