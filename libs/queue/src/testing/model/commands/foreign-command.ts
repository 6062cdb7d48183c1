import fc from 'fast-check';
import { QueueCommand } from '../queue-command';
import type { QueueModel } from '../queue-model';
import type { QueueUnderModel } from '../queue-under-model';

/** A text that is no event, which somebody wrote into the queue by hand, becomes a dead letter. */
export class ForeignCommand extends QueueCommand {
  constructor(private readonly body: string) {
    super();
  }

  protected override async act(model: QueueModel, real: QueueUnderModel): Promise<void> {
    model.reference.buryForeign(this.body);
    await real.buryForeign(this.body);
  }

  override toString(): string {
    return `foreign(${JSON.stringify(this.body)})`;
  }
}

export const foreignCommands = fc
  .constantFrom('no event', '', '\u00011,1,1\u0001{}')
  .map((body) => new ForeignCommand(body));
