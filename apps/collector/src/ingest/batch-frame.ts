import { isUtf8 } from 'node:buffer';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { PipelineError } from '@event-pipeline/runtime';

/** A PublishEventsRequest with its events still as bytes, so that each is decoded by itself. */
export interface BatchFrame {
  readonly batchId: string;
  readonly events: readonly Uint8Array[];
}

const BATCH_ID_FIELD = 1;
const EVENTS_FIELD = 2;

/**
 * Reads the frame of a PublishEventsRequest. The events are views of `bytes`, not copies.
 *
 * @throws PipelineError INVALID_ARGUMENT when nothing of the request can be read; TOO_LARGE when it
 *   has more than `maxEvents` events: an answer that names each of them must fit a client's limits
 */
export function readBatchFrame(bytes: Uint8Array, maxEvents: number): BatchFrame {
  const events: Uint8Array[] = [];
  let batchId = '';
  try {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (field === EVENTS_FIELD && wireType === WireType.LengthDelimited) {
        if (events.length === maxEvents) throw tooManyEvents(maxEvents);
        events.push(reader.bytes());
      } else if (field === BATCH_ID_FIELD && wireType === WireType.LengthDelimited) {
        const text = reader.bytes();
        if (!isUtf8(text)) throw new RangeError('batch_id is not valid UTF-8');
        batchId = Buffer.from(text).toString('utf8');
      } else {
        reader.skip(wireType, field);
      }
    }
  } catch (error) {
    if (error instanceof PipelineError) throw error;
    throw new PipelineError(
      'INVALID_ARGUMENT',
      'the bytes are not an event.PublishEventsRequest message',
      { cause: error },
    );
  }
  return { batchId, events };
}

function tooManyEvents(maxEvents: number): PipelineError {
  return new PipelineError(
    'TOO_LARGE',
    `the request has more than ${maxEvents} events; send them in several requests`,
  );
}
