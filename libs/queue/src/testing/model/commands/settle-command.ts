import fc from 'fast-check';
import type { SettleException } from '../../../queue';
import { expectSame, QueueCommand, userOf, WORKERS } from '../queue-command';
import type { QueueModel } from '../queue-model';
import type { QueueUnderModel } from '../queue-under-model';

const named = fc.record({
  at: fc.nat({ max: 60 }),
  outcome: fc.constantFrom(...(['retry', 'dead', 'release', 'defer'] as const)),
  steps: fc.integer({ min: 1, max: 2 }),
});
type Named = typeof named extends fc.Arbitrary<infer T> ? T : never;

const call = fc.record({
  worker: fc.nat({ max: WORKERS - 1 }),
  lease: fc.nat({ max: 5 }),
  named: fc.array(named, { maxLength: 6 }),
  isReplyLost: fc.boolean(),
});
type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;

/**
 * A worker ends a lease: done but for what is named. Where the reply is lost, it does so again, and
 * LEASE_LOST is the answer. The lease may have been taken back meanwhile, which the worker does not
 * know.
 */
export class SettleCommand extends QueueCommand {
  constructor(private readonly call: Call) {
    super();
  }

  protected override isPossible(model: Readonly<QueueModel>): boolean {
    return model.pick(this.call.worker, this.call.lease) !== undefined;
  }

  protected override async act(model: QueueModel, real: QueueUnderModel): Promise<void> {
    const { worker, lease, isReplyLost } = this.call;
    const picked = model.pick(worker, lease);
    if (picked === undefined) return;
    const exceptions = this.exceptions(model, picked.ref.size);
    for (let calls = isReplyLost ? 2 : 1; calls > 0; calls--) {
      await expectSame(model, userOf(real, worker), (queue) =>
        queue.settle(picked.ref, exceptions),
      );
    }
    model.end(picked);
  }

  override toString(): string {
    const { worker, lease, isReplyLost } = this.call;
    const outcomes = this.call.named.map(({ at, outcome }) => `${at} ${outcome}`).join(' + ');
    return `w${worker} settle(lease ${lease}: ${outcomes})${isReplyLost ? ' twice' : ''}`;
  }

  private exceptions(model: QueueModel, size: number): SettleException[] {
    const delays = [0, model.steps(1), model.steps(2)];
    const byIndex = new Map<number, Named>();
    for (const one of this.call.named) byIndex.set(one.at % size, one);
    return [...byIndex]
      .sort(([one], [other]) => one - other)
      .map(([index, { outcome, steps }]): SettleException => {
        if (outcome === 'retry' || outcome === 'defer') {
          return { index, outcome, delayMs: delays[steps] ?? 0 };
        }
        if (outcome === 'release') return { index, outcome };
        return { index, outcome, reason: 'permanent-error', error: 'e', handler: 'h' };
      });
  }
}

export const settleCommands = call.map((one) => new SettleCommand(one));
