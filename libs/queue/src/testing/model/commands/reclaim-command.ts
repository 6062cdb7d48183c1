import fc from 'fast-check';
import type { Queue, Reclaimed } from '../../../queue';
import { expectSame, QueueCommand } from '../queue-command';
import { MAX_CRASHES, type QueueModel } from '../queue-model';
import type { QueueUnderModel } from '../queue-under-model';

const ALL = 100;

/** Leases that have run out are taken back, by one process or by two at the same time. */
export class ReclaimCommand extends QueueCommand {
  constructor(private readonly maxLeases: number) {
    super();
  }

  protected override async act(model: QueueModel, real: QueueUnderModel): Promise<void> {
    const { maxLeases } = this;
    const limits = { maxLeases, maxCrashes: MAX_CRASHES };
    if (maxLeases < ALL) {
      await expectSame(model, real.users[0], (queue) => queue.reclaim(0, limits));
      return;
    }
    const both = await Promise.all(real.users.map((user: Queue) => user.reclaim(0, limits)));
    expect(both.reduce(sum)).toEqual(await model.reference.reclaim(0, limits));
  }

  override toString(): string {
    return this.maxLeases < ALL ? `reclaim(${this.maxLeases})` : 'reclaim(all by two)';
  }
}

function sum(one: Reclaimed, other: Reclaimed): Reclaimed {
  return {
    leases: one.leases + other.leases,
    events: one.events + other.events,
    dead: one.dead + other.dead,
  };
}

export const reclaimCommands = fc
  .constantFrom(1, 2, ALL, ALL)
  .map((maxLeases) => new ReclaimCommand(maxLeases));
