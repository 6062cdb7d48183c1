import fc from 'fast-check';
import { deadLetterCommands } from './commands/dead-letter-command';
import { enqueueCommands } from './commands/enqueue-command';
import { foreignCommands } from './commands/foreign-command';
import { lateCommands, leaseCommands } from './commands/lease-command';
import {
  crashAllCommands,
  crashCommands,
  passTimeCommands,
  restartCommands,
} from './commands/mishap-command';
import { PassTimeCommand } from './commands/mishap-command';
import { ReceiveCommand, receiveCommands } from './commands/receive-command';
import { ReclaimCommand, reclaimCommands } from './commands/reclaim-command';
import { SettleCommand, settleCommands } from './commands/settle-command';
import type { QueueCommand } from './queue-command';
import { QueueModel } from './queue-model';
import type { EngineUnderModel, QueueUnderModel } from './queue-under-model';

export type ModelRuns = Pick<fc.Parameters, 'numRuns' | 'seed' | 'endOnFailure'>;

/** Most commands of one run. */
const MAX_COMMANDS = 40;
/** What is drained at the end comes back as a suspect at worst one by one. */
const MAX_DRAINS = 2_000;

/**
 * Any sequence of calls and mishaps, on the engine and on the reference; at its end everything is
 * processed and nothing may be left.
 */
export function queueModelProperty(engine: EngineUnderModel) {
  const commands = fc.commands<QueueModel, QueueUnderModel, boolean>(
    [
      ...[enqueueCommands, enqueueCommands, enqueueCommands],
      ...[receiveCommands, receiveCommands, receiveCommands, receiveCommands, receiveCommands],
      ...[settleCommands, settleCommands, settleCommands, leaseCommands, leaseCommands],
      ...[passTimeCommands, reclaimCommands, crashCommands, crashAllCommands, crashAllCommands],
      ...[lateCommands, restartCommands, deadLetterCommands, foreignCommands],
    ] as fc.Arbitrary<QueueCommand>[],
    { maxCommands: MAX_COMMANDS, size: 'max' },
  );
  return fc.asyncProperty(commands, async (sequence) => {
    const real = await engine.open();
    try {
      const model = new QueueModel(engine.manner);
      await fc.asyncModelRun(() => ({ model, real }), sequence);
      await drain(model, real);
    } finally {
      await real.dispose();
    }
  });
}

async function drain(model: QueueModel, real: QueueUnderModel): Promise<void> {
  const settle = { worker: 0, lease: 0, named: [], isReplyLost: false };
  const receive = { maxEvents: 60, maxBytes: 10_000, leaseSteps: 2, isReplyLost: false, worker: 0 };
  model.inHand = [];
  await new PassTimeCommand(4).run(model, real);
  await new ReclaimCommand(50).run(model, real);
  for (const isolated of ['skip', 'only'] as const) {
    for (let drains = 0; drains < MAX_DRAINS; drains++) {
      await new ReceiveCommand({ ...receive, isolated }).run(model, real);
      const settling = new SettleCommand(settle);
      if (!settling.check(model)) break;
      await settling.run(model, real);
    }
  }
  const { enqueued, processed, dead, purged } = await real.users[0].stats(0);
  expect(processed + dead + purged).toBe(enqueued);
  await real.expectNothingLeft(dead);
}
