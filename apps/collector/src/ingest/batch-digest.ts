import { createHash, type Hash } from 'node:crypto';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { BatchFrame } from './batch-frame';

/** The number of the map field of an event; see proto/event/event.proto. */
const ATTRIBUTES_FIELD = 6;
/** What stands before each event of a request on the wire: this, then the length as a varint. */
const EVENT_TAG = 0x12;

/**
 * What tells one batch from another: a digest of its events in their order, each behind its tag and
 * length as an encoder writes them.
 *
 * Of the bytes as they came, but for the order of an event's attributes: many encoders, Go's among
 * them, write the entries of a map in another order each time, and a batch that is sent again must
 * be recognised all the same. Nor does it matter what stands between two events.
 */
export function digestOf({ bytes, places }: Pick<BatchFrame, 'bytes' | 'places'>): string {
  const run = new HashedRun(bytes);
  for (let i = 0; i < places.length; i += 2) {
    const from = places[i] ?? 0;
    const to = places[i + 1] ?? 0;
    const begin = beginOfFrame(bytes, from, to - from);
    if (begin === undefined) run.insert(frameOf(to - from));
    if (hasSeveralAttributes(bytes, from, to)) {
      if (begin !== undefined) run.extend(begin, from);
      for (const field of inOrder(bytes.subarray(from, to))) run.insert(field);
    } else {
      run.extend(begin ?? from, to);
    }
  }
  return run.digest();
}

/** Hashes adjoining ranges of the same bytes together: a call of the hash costs more than its work. */
class HashedRun {
  private readonly hash: Hash = createHash('sha256');
  private from = 0;
  private to = 0;

  constructor(private readonly bytes: Uint8Array) {}

  extend(from: number, to: number): void {
    if (from !== this.to) {
      this.flush();
      this.from = from;
    }
    this.to = to;
  }

  insert(bytes: Uint8Array): void {
    this.flush();
    this.hash.update(bytes);
  }

  digest(): string {
    this.flush();
    return this.hash.digest('base64');
  }

  private flush(): void {
    if (this.to > this.from) this.hash.update(this.bytes.subarray(this.from, this.to));
    this.from = this.to;
  }
}

/** Where the tag and length before an event begin; undefined where they are written in another way. */
function beginOfFrame(bytes: Uint8Array, from: number, length: number): number | undefined {
  const begin = from - varintBytes(length) - 1;
  if (begin < 0 || bytes[begin] !== EVENT_TAG) return undefined;
  let rest = length;
  for (let at = begin + 1; at < from; at++) {
    const byte = rest > 0x7f ? (rest & 0x7f) | 0x80 : rest;
    if (bytes[at] !== byte) return undefined;
    rest >>>= 7;
  }
  return begin;
}

function frameOf(length: number): Uint8Array {
  const frame = [EVENT_TAG];
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) frame.push((rest & 0x7f) | 0x80);
  frame.push(rest);
  return Uint8Array.from(frame);
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes += 1;
  return bytes;
}

// As constants: a look at the enumeration costs a call, for each field of each event.
const VARINT: number = WireType.Varint;
const LENGTH_DELIMITED: number = WireType.LengthDelimited;
const ATTRIBUTE_TAG = (ATTRIBUTES_FIELD << 3) | LENGTH_DELIMITED;

/** True also of an event that is written in an unusual way: {@link inOrder} then looks closer. */
function hasSeveralAttributes(bytes: Uint8Array, from: number, end: number): boolean {
  let attributes = 0;
  let at = from;
  while (at < end) {
    const tag = bytes[at] ?? 0;
    const wireType = tag & 7;
    at += 1;
    if (tag === ATTRIBUTE_TAG && ++attributes > 1) return true;
    if (tag >= 0x80) return true;
    let value = 0;
    let scale = 1;
    let byte = 0x80;
    for (; byte >= 0x80 && at < end; scale *= 0x80) {
      byte = bytes[at] ?? 0;
      value += (byte & 0x7f) * scale;
      at += 1;
    }
    if (wireType === LENGTH_DELIMITED) at += value;
    else if (wireType !== VARINT) return true;
  }
  return at > end;
}

/** The fields of an event, its attributes sorted behind the others; as it came where it cannot be read. */
function inOrder(event: Uint8Array): readonly Uint8Array[] {
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
    return [event];
  }
  if (attributes.length < 2) return [event];
  return [...others, ...attributes.sort(Buffer.compare)];
}
