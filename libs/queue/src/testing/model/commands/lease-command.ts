import fc from 'fast-check';
import type { LeaseRef, Queue } from '../../../queue';
import { expectSame, QueueCommand, userOf, WORKERS } from '../queue-command';
import type { QueueModel } from '../queue-model';
import type { QueueUnderModel } from '../queue-under-model';

const call = fc.record({
  worker: fc.nat({ max: WORKERS - 1 }),
  lease: fc.nat({ max: 5 }),
  what: fc.constantFrom('extend' as const, 'release' as const),
  isReplyLost: fc.boolean(),
});
type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;

/** A worker makes one of its leases last longer, or gives it back. */
export class LeaseCommand extends QueueCommand {
  constructor(private readonly call: Call) {
    super();
  }

  protected override isPossible(model: Readonly<QueueModel>): boolean {
    return model.pick(this.call.worker, this.call.lease) !== undefined;
  }

  protected override async act(model: QueueModel, real: QueueUnderModel): Promise<void> {
    const { worker, lease, what, isReplyLost } = this.call;
    const picked = model.pick(worker, lease);
    if (picked === undefined) return;
    for (let calls = isReplyLost ? 2 : 1; calls > 0; calls--) {
      const leaseMs = model.steps(2);
      await expectSame(model, userOf(real, worker), (queue) =>
        what === 'extend' ? queue.extend(picked.ref, leaseMs) : queue.release(picked.ref),
      );
    }
    if (what === 'release') model.end(picked);
  }

  override toString(): string {
    const { worker, lease, what, isReplyLost } = this.call;
    return `w${worker} ${what}(lease ${lease})${isReplyLost ? ' twice' : ''}`;
  }
}

export const leaseCommands = call.map((one) => new LeaseCommand(one));

const LATE_CALLS = {
  settle: (queue: Queue, ref: LeaseRef) => queue.settle(ref, []),
  extend: (queue: Queue, ref: LeaseRef, leaseMs: number) => queue.extend(ref, leaseMs),
  release: (queue: Queue, ref: LeaseRef) => queue.release(ref),
};

/** Somebody who does not know better ends or extends a lease that is over: LEASE_LOST. */
export class LateCommand extends QueueCommand {
  constructor(
    private readonly lease: number,
    private readonly what: keyof typeof LATE_CALLS,
  ) {
    super();
  }

  protected override isPossible(model: Readonly<QueueModel>): boolean {
    return model.ended.length > 0;
  }

  protected override async act(model: QueueModel, real: QueueUnderModel): Promise<void> {
    const ref = model.ended[this.lease % model.ended.length];
    if (ref === undefined) return;
    const leaseMs = model.steps(2);
    await expectSame(model, userOf(real, this.lease), (queue) =>
      LATE_CALLS[this.what](queue, ref, leaseMs),
    );
  }

  override toString(): string {
    return `late ${this.what}(lease ${this.lease})`;
  }
}

export const lateCommands = fc
  .record({
    lease: fc.nat({ max: 4 }),
    what: fc.constantFrom('settle' as const, 'extend' as const, 'release' as const),
  })
  .map(({ lease, what }) => new LateCommand(lease, what));
