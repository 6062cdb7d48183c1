import { isUtf8 } from 'node:buffer';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { Event, RejectionCode } from '@event-pipeline/contracts';

/** Why an event is refused, before it is known where it stood. */
export interface Refusal {
  readonly code: RejectionCode;
  /** What was wrong and what would be right, for the producer's developer. */
  readonly message: string;
}

export type DecodedEvent =
  | { readonly event: Event; readonly refusal: undefined }
  /** The event as far as it could be read: its id, if any, names it to the producer. */
  | { readonly event: Event | undefined; readonly refusal: Refusal };

/**
 * Decodes one event from its protobuf bytes. Never throws: what cannot be decoded is a refusal, so
 * that one bad event ends neither its stream nor its batch.
 */
export function decodeEvent(bytes: Uint8Array): DecodedEvent {
  const reader = new StrictReader(bytes);
  try {
    const event = Event.decode(reader);
    return reader.refusal ? { event, refusal: reader.refusal } : { event, refusal: undefined };
  } catch {
    return {
      event: undefined,
      refusal: {
        code: RejectionCode.REJECTION_CODE_UNDECODABLE,
        message: 'the bytes are not an event.Event message',
      },
    };
  }
}

/**
 * Notes what the generated decoder would let through or throw on: invalid UTF-8, which it replaces
 * (and so could change an id), and 64-bit numbers that JavaScript cannot hold exactly.
 */
class StrictReader extends BinaryReader {
  refusal: Refusal | undefined;

  override string(): string {
    const bytes = this.bytes();
    if (!isUtf8(bytes)) {
      this.refusal ??= {
        code: RejectionCode.REJECTION_CODE_INVALID_TEXT,
        message: 'a text field is not valid UTF-8',
      };
    }
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  }

  /** The only 64-bit field of an event is its timestamp. */
  override int64(): bigint | string {
    const value = super.int64();
    if (Number.isSafeInteger(Number(value))) return value;
    this.refusal ??= {
      code: RejectionCode.REJECTION_CODE_INVALID_TIMESTAMP,
      message: `timestamp ${value} is out of range; expected Unix time in milliseconds`,
    };
    return '0';
  }
}
