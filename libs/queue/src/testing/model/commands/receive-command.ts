import fc from 'fast-check';
import { expectSame, expectSameLease, QueueCommand, userOf, WORKERS } from '../queue-command';
import type { QueueModel } from '../queue-model';
import type { QueueUnderModel } from '../queue-under-model';

const call = fc.record({
  worker: fc.nat({ max: WORKERS - 1 }),
  maxEvents: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 60 })),
  maxBytes: fc.oneof(fc.constant(1_000_000), fc.integer({ min: 1, max: 900 })),
  leaseSteps: fc.integer({ min: 1, max: 2 }),
  isolated: fc.constantFrom('skip' as const, 'skip' as const, 'only' as const),
  isReplyLost: fc.boolean(),
});
type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;

/** A worker leases events; where the reply is lost, it asks again under the same lease id. */
export class ReceiveCommand extends QueueCommand {
  constructor(private readonly call: Call) {
    super();
  }

  protected override async act(model: QueueModel, real: QueueUnderModel): Promise<void> {
    const { worker, maxEvents, maxBytes, isolated, leaseSteps, isReplyLost } = this.call;
    const request = {
      partition: 0,
      leaseId: model.nextId(),
      leaseMs: model.steps(leaseSteps),
      ...{ maxEvents, maxBytes, isolated },
    };
    const receive = () =>
      expectSame(model, userOf(real, worker), (queue) => queue.receive(request), expectSameLease);
    let answer = await receive();
    if (isReplyLost) answer = await receive();
    if (!('value' in answer) || answer.value.lease === undefined) return;
    const { partition, id, size } = answer.value.lease;
    model.inHand.push({ ref: { partition, id, size }, worker });
  }

  override toString(): string {
    const { worker, maxEvents, maxBytes, isolated, isReplyLost } = this.call;
    const again = isReplyLost ? ' twice' : '';
    return `w${worker} receive(${isolated} ${maxEvents} events ${maxBytes} bytes)${again}`;
  }
}

export const receiveCommands = call.map((one) => new ReceiveCommand(one));
