import { PublishEventsRequest, type Event } from '@event-pipeline/contracts';

const PLACEHOLDER = '00000000-0000-4000-8000-000000000000';
/** Field 1, a text, and its length: the batch id comes first on the wire. */
const ID_AT = 2;

/** A request that is encoded once and sent many times, each time as another batch. */
export class EncodedBatch {
  private readonly bytes: Buffer;

  constructor(readonly events: readonly Event[]) {
    const request = { batchId: PLACEHOLDER, events: [...events] };
    this.bytes = Buffer.from(PublishEventsRequest.encode(request).finish());
    if (this.bytes.toString('latin1', ID_AT, ID_AT + PLACEHOLDER.length) !== PLACEHOLDER) {
      throw new Error('the batch id does not come first in an encoded request');
    }
  }

  /** A copy, so that one that still waits to be sent does not change. */
  withId(id: string): Buffer {
    const copy = Buffer.from(this.bytes);
    copy.write(id, ID_AT, PLACEHOLDER.length, 'latin1');
    return copy;
  }
}
