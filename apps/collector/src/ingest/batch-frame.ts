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
 * @throws PipelineError INVALID_ARGUMENT when nothing of the request can be read.
 */
export function readBatchFrame(bytes: Uint8Array): BatchFrame {
  const events: Uint8Array[] = [];
  let batchId = '';
  try {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (field === EVENTS_FIELD && wireType === WireType.LengthDelimited) {
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
    throw new PipelineError(
      'INVALID_ARGUMENT',
      'the bytes are not an event.PublishEventsRequest message',
      { cause: error },
    );
  }
  return { batchId, events };
}
