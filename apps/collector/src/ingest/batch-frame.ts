import { isUtf8 } from 'node:buffer';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { PipelineError } from '@event-pipeline/runtime';
import type { EventOrigin } from './event-origin';

/** Where each event stands in the bytes of a request: its start and its end, exclusive, in turn. */
export type EventPlaces = readonly number[];

/** A PublishEventsRequest with its events still as bytes, so that each is decoded by itself. */
export interface BatchFrame {
  readonly batchId: string;
  /** The request as it came. */
  readonly bytes: Uint8Array;
  readonly places: EventPlaces;
  /** How many events there are. */
  readonly count: number;
  /** Who sends them; undefined: anybody. */
  readonly origin?: EventOrigin | undefined;
  /** Of the span that received it, which is kept with each event; absent for none. */
  readonly traceparent?: string;
}

const BATCH_ID_FIELD = 1;
const EVENTS_FIELD = 2;
const EVENTS_TAG = (EVENTS_FIELD << 3) | WireType.LengthDelimited;

/**
 * Reads the frame of a PublishEventsRequest. Nothing is copied.
 *
 * @throws PipelineError INVALID_ARGUMENT when nothing of the request can be read; TOO_LARGE when it
 *   has more than `maxEvents` events: an answer that names each of them must fit a client's limits
 */
export function readBatchFrame(bytes: Uint8Array, maxEvents: number): BatchFrame {
  const places: number[] = [];
  const reader = new BinaryReader(bytes);
  let batchId = '';
  try {
    while (reader.pos < reader.len) {
      reader.pos = placeEvents(bytes, reader.pos, places, 2 * maxEvents);
      if (reader.pos === reader.len) break;
      const [field, wireType] = reader.tag();
      if (field === EVENTS_FIELD && wireType === WireType.LengthDelimited) {
        if (places.length >= 2 * maxEvents) throw tooManyEvents(maxEvents);
        const { length } = reader.bytes();
        places.push(reader.pos - length, reader.pos);
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
  return { batchId, bytes, places, count: places.length / 2 };
}

/**
 * Steps over events of less than 16 KiB, which are most of a request, without the reader's calls.
 * Returns where it stopped: at the end, or before something else, which is left to the reader.
 */
function placeEvents(bytes: Uint8Array, from: number, places: number[], most: number): number {
  const end = bytes.length;
  let at = from;
  while (at + 1 < end && bytes[at] === EVENTS_TAG && places.length < most) {
    const low = bytes[at + 1] ?? 0;
    const high = low < 0x80 ? 0 : (bytes[at + 2] ?? 0x80);
    if (high >= 0x80) return at;
    const start = at + (low < 0x80 ? 2 : 3);
    const next = start + (low & 0x7f) + high * 0x80;
    if (next > end) return at;
    places.push(start, next);
    at = next;
  }
  return at;
}

function tooManyEvents(maxEvents: number): PipelineError {
  return new PipelineError(
    'TOO_LARGE',
    `the request has more than ${maxEvents} events; send them in several requests`,
  );
}
