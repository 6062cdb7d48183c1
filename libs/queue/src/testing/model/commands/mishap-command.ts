import fc from 'fast-check';
import { QueueCommand, WORKERS } from '../queue-command';
import { STEP_MS, type QueueModel } from '../queue-model';
import type { QueueUnderModel } from '../queue-under-model';
import { ReclaimCommand } from './reclaim-command';

/** Time passes: leases run out, retries fall due, batch ids are forgotten. */
export class PassTimeCommand extends QueueCommand {
  constructor(private readonly steps: number) {
    super();
  }

  protected override async act(model: QueueModel, real: QueueUnderModel): Promise<void> {
    model.passTime(this.steps * STEP_MS);
    await real.passTime(this.steps * STEP_MS);
  }

  override toString(): string {
    return `time(${this.steps})`;
  }
}

/** A worker ends without a word: nobody will settle what it had in hand. */
export class CrashCommand extends QueueCommand {
  constructor(private readonly worker: number) {
    super();
  }

  protected override async act(model: QueueModel): Promise<void> {
    model.inHand = model.inHand.filter(({ worker }) => worker !== this.worker);
  }

  override toString(): string {
    return `w${this.worker} crash`;
  }
}

/** All workers end, and what they had in hand is taken back. */
export class CrashAllCommand extends QueueCommand {
  protected override async act(model: QueueModel, real: QueueUnderModel): Promise<void> {
    model.inHand = [];
    await new PassTimeCommand(2).run(model, real);
    await new ReclaimCommand(50).run(model, real);
  }

  override toString(): string {
    return 'all crash';
  }
}

/** A process that uses the queue ends in order and starts again. */
export class RestartCommand extends QueueCommand {
  constructor(private readonly user: 0 | 1) {
    super();
  }

  protected override async act(_model: QueueModel, real: QueueUnderModel): Promise<void> {
    await real.restart(this.user);
  }

  override toString(): string {
    return `restart(${this.user})`;
  }
}

export const passTimeCommands = fc
  .integer({ min: 1, max: 2 })
  .map((steps) => new PassTimeCommand(steps));
export const crashCommands = fc.nat({ max: WORKERS - 1 }).map((worker) => new CrashCommand(worker));
export const crashAllCommands = fc.constant(null).map(() => new CrashAllCommand());
export const restartCommands = fc
  .constantFrom(0 as const, 1 as const)
  .map((user) => new RestartCommand(user));
