import { createHash, type Hash } from 'node:crypto';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** The number of the map field of an event; see proto/event/event.proto. */
const ATTRIBUTES_FIELD = 6;

/**
 * What tells one batch from another: a digest of its events in their order.
 *
 * Of the bytes as they came, but for the order of an event's attributes: many encoders, Go's among
 * them, write the entries of a map in another order each time, and a batch that is sent again must
 * be recognised all the same.
 */
export function digestOf(events: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const event of events) {
    hash.update(`${event.length}:`);
    addEvent(hash, event);
  }
  return hash.digest('base64');
}

function addEvent(hash: Hash, event: Uint8Array): void {
  const { attributes, others } = fieldsOf(event);
  if (attributes.length < 2) {
    hash.update(event);
    return;
  }
  for (const field of others) hash.update(field);
  for (const field of attributes.sort(Buffer.compare)) hash.update(field);
}

/** The fields as views of the bytes; none of either kind where they cannot be told apart. */
function fieldsOf(event: Uint8Array): { attributes: Uint8Array[]; others: Uint8Array[] } {
  const attributes: Uint8Array[] = [];
  const others: Uint8Array[] = [];
  try {
    const reader = new BinaryReader(event);
    while (reader.pos < reader.len) {
      const from = reader.pos;
      const [field, wireType] = reader.tag();
      reader.skip(wireType, field);
      const isAttribute = field === ATTRIBUTES_FIELD && wireType === WireType.LengthDelimited;
      (isAttribute ? attributes : others).push(event.subarray(from, reader.pos));
    }
  } catch {
    return { attributes: [], others: [] };
  }
  return { attributes, others };
}
