import { isUtf8 } from 'node:buffer';
import { keyHashOfAscii, type EventPacker } from '@event-pipeline/queue';
import { EventFields, type Field } from './event-fields';
import type { StorableEvent } from './storable-event';
import { EARLIEST_TIMESTAMP, MAX_AHEAD_MS, type EventLimits } from './event-validator';
import { JsonLook, lookAtJson } from './plain-json';

const ID_LENGTH = 36;
const MAX_TYPE_LENGTH = 128;
/** Shorter runs of bytes are copied one by one, which costs less than a call. */
const SHORT_COPY = 40;
/** The names of members, what stands around them, and both times: at most. */
const FRAME_BYTES = 400;
const JSON_CONTENT_TYPE = Buffer.from('application/json');

const DASH = 0x2d;
/** The lower-case form of each hexadecimal digit; 0 for every other byte. */
const HEX = new Uint8Array(256);
for (const digit of Buffer.from('0123456789abcdefABCDEF')) {
  HEX[digit] = digit > 0x40 ? digit | 0x20 : digit;
}
/** What may stand in a type, and where; as EVENT_TYPE_PATTERN has it. */
const enum InType {
  Never,
  Behind,
  Anywhere,
}
const IN_TYPE = new Uint8Array(256);
for (const byte of Buffer.from('0123456789_.-')) IN_TYPE[byte] = InType.Behind;
for (let letter = 0x61; letter <= 0x7a; letter++) {
  IN_TYPE[letter] = IN_TYPE[letter - 0x20] = InType.Anywhere;
}
/** ASCII that JSON writes as it is. */
const IS_PLAIN = new Uint8Array(256).map((_, byte) =>
  byte >= 0x20 && byte < 0x80 && byte !== 0x22 && byte !== 0x5c ? 1 : 0,
);

const EVENT_ID = Buffer.from('{"eventId":"');
const TYPE = Buffer.from('","type":"');
const TIMESTAMP = Buffer.from('","timestamp":');
const SOURCE = Buffer.from(',"source":"');
const PARTITION_KEY = Buffer.from(',"partitionKey":"');
const SCHEMA_VERSION = Buffer.from(',"schemaVersion":"');
const ATTRIBUTES = Buffer.from(',"attributes":{"');
const NEXT_ATTRIBUTE = Buffer.from('","');
const ATTRIBUTE_VALUE = Buffer.from('":"');
const ATTRIBUTES_END = Buffer.from('"}');
const DATA_CONTENT_TYPE = Buffer.from(',"dataContentType":"application/json"');
const DATA = Buffer.from(',"data":');
const QUOTE = 0x22;
const CLOSE_BRACE = 0x7d;

/**
 * The fast way of an ordinary event from its bytes on the wire to its stored text: recognised, checked
 * and copied, with no object made on the way.
 *
 * Takes only what it fully understands: fields that come once, texts of ASCII without anything to be
 * escaped, JSON data. Everything else, each event that is to be refused among it, is left to the
 * decoder, the validator and the codec. They would say the same of what is taken here; a property test
 * holds both together.
 */
export class PlainEventReader implements StorableEvent {
  readonly rejection = undefined;
  private bytes: Uint8Array = new Uint8Array(0);
  private readonly fields = new EventFields();
  private text = Buffer.allocUnsafeSlow(4_096);
  private end = 0;
  private receivedAt = Buffer.alloc(0);
  private receivedAtMs = NaN;

  constructor(private readonly limits: EventLimits) {}

  /**
   * @param bytes must not change until the event was written
   * @param now the collector's clock, Unix ms
   * @returns false for an event that is not ordinary; else this object is the event that was read
   */
  read(bytes: Uint8Array, from: number, to: number, now: number): boolean {
    if (!this.fields.locate(bytes, from, to) || !this.isAllowed(bytes, now)) return false;
    if (!this.isDataStorable(bytes)) return false;
    const size = to - from + FRAME_BYTES;
    if (this.text.length < size) this.text = Buffer.allocUnsafeSlow(2 * size);
    this.bytes = bytes;
    this.end = 0;
    if (!this.writeHead(bytes, now) || !this.writeTexts(bytes)) return false;
    if (!this.writeAttributes(bytes)) return false;
    this.writeData(bytes);
    return true;
  }

  get textBytes(): number {
    return this.end;
  }

  keyHash(): number {
    const { at, length } = this.fields.partitionKey;
    const from = EVENT_ID.length;
    if (at === 0) return keyHashOfAscii(this.text, from, from + ID_LENGTH);
    return keyHashOfAscii(this.bytes, at, at + length);
  }

  writeTo(packer: EventPacker): void {
    packer.addBytes(this.text, 0, this.end);
  }

  /** What can be said before a byte is copied. */
  private isAllowed(bytes: Uint8Array, now: number): boolean {
    const { eventId, type, timestamp, data, dataContentType } = this.fields;
    const { source, partitionKey, schemaVersion } = this.fields;
    const { maxDataBytes, maxFieldBytes } = this.limits;
    return (
      eventId.at !== 0 &&
      eventId.length === ID_LENGTH &&
      type.at !== 0 &&
      type.length <= MAX_TYPE_LENGTH &&
      timestamp >= EARLIEST_TIMESTAMP &&
      timestamp <= now + MAX_AHEAD_MS &&
      (data.at === 0 || data.length <= maxDataBytes) &&
      (source.at === 0 || source.length <= maxFieldBytes) &&
      (partitionKey.at === 0 || partitionKey.length <= maxFieldBytes) &&
      (schemaVersion.at === 0 || schemaVersion.length <= maxFieldBytes) &&
      (dataContentType.at === 0 ||
        (dataContentType.length <= maxFieldBytes && isJson(bytes, dataContentType)))
    );
  }

  private isDataStorable(bytes: Uint8Array): boolean {
    const { at, length } = this.fields.data;
    if (at === 0) return true;
    const look = lookAtJson(bytes, at, at + length);
    if (look !== JsonLook.NeedsUtf8) return look === JsonLook.Ascii;
    return isUtf8(bytes.subarray(at, at + length));
  }

  private writeHead(bytes: Uint8Array, now: number): boolean {
    const { eventId, type, timestamp } = this.fields;
    this.add(EVENT_ID);
    if (!this.addEventId(bytes, eventId.at)) return false;
    this.add(TYPE);
    if (!this.addType(bytes, type)) return false;
    this.add(TIMESTAMP);
    this.addTime(timestamp);
    if (now !== this.receivedAtMs) {
      this.receivedAtMs = now;
      this.receivedAt = Buffer.from(`,"receivedAt":${now}`);
    }
    this.add(this.receivedAt);
    return true;
  }

  private writeTexts(bytes: Uint8Array): boolean {
    const { source, partitionKey, schemaVersion } = this.fields;
    return (
      this.addMember(SOURCE, bytes, source) &&
      this.addMember(PARTITION_KEY, bytes, partitionKey) &&
      this.addMember(SCHEMA_VERSION, bytes, schemaVersion)
    );
  }

  private writeAttributes(bytes: Uint8Array): boolean {
    const { names, values, attributes } = this.fields;
    if (attributes === 0) return true;
    if (attributes > this.limits.maxAttributes) return false;
    for (let i = 0; i < attributes; i++) {
      const name = names[i];
      const value = values[i];
      if (name === undefined || value === undefined) return false;
      if (name.length + value.length > this.limits.maxAttributeBytes) return false;
      for (let earlier = 0; earlier < i; earlier++) {
        if (isSame(bytes, name, names[earlier])) return false;
      }
      this.add(i === 0 ? ATTRIBUTES : NEXT_ATTRIBUTE);
      if (!this.addPlain(bytes, name)) return false;
      this.add(ATTRIBUTE_VALUE);
      if (!this.addPlain(bytes, value)) return false;
    }
    this.add(ATTRIBUTES_END);
    return true;
  }

  private writeData(bytes: Uint8Array): void {
    const { data, dataContentType } = this.fields;
    if (dataContentType.at !== 0) this.add(DATA_CONTENT_TYPE);
    if (data.at !== 0) {
      this.add(DATA);
      this.copy(bytes, data.at, data.length);
    }
    this.text[this.end++] = CLOSE_BRACE;
  }

  private addEventId(bytes: Uint8Array, from: number): boolean {
    const { text } = this;
    let to = this.end;
    for (let i = 0; i < ID_LENGTH; i++) {
      const byte = bytes[from + i] ?? 0;
      const isGap = i === 8 || i === 13 || i === 18 || i === 23;
      const written = isGap ? (byte === DASH ? DASH : 0) : (HEX[byte] ?? 0);
      if (written === 0) return false;
      text[to++] = written;
    }
    this.end = to;
    return true;
  }

  private addType(bytes: Uint8Array, { at, length }: Field): boolean {
    const { text } = this;
    if (IN_TYPE[bytes[at] ?? 0] !== InType.Anywhere) return false;
    let to = this.end;
    for (let i = at; i < at + length; i++) {
      const byte = bytes[i] ?? 0;
      if (IN_TYPE[byte] === InType.Never) return false;
      text[to++] = byte;
    }
    this.end = to;
    return true;
  }

  /** Unix ms as digits, from the last to the first. */
  private addTime(ms: number): void {
    const { text } = this;
    const high = Math.floor(ms / 1e6);
    const from = this.end;
    const to = from + digitsOf(high) + 6;
    writeDigits(text, to - 6, to, ms - high * 1e6);
    writeDigits(text, from, to - 6, high);
    this.end = to;
  }

  private addMember(member: Buffer, bytes: Uint8Array, field: Field): boolean {
    if (field.at === 0) return true;
    this.add(member);
    if (!this.addPlain(bytes, field)) return false;
    this.text[this.end++] = QUOTE;
    return true;
  }

  private addPlain(bytes: Uint8Array, { at, length }: Field): boolean {
    const { text } = this;
    let to = this.end;
    for (let i = at; i < at + length; i++) {
      const byte = bytes[i] ?? 0;
      if (IS_PLAIN[byte] === 0) return false;
      text[to++] = byte;
    }
    this.end = to;
    return true;
  }

  private add(part: Buffer): void {
    const { text, end } = this;
    const { length } = part;
    for (let i = 0; i < length; i++) text[end + i] = part[i] ?? 0;
    this.end = end + length;
  }

  private copy(bytes: Uint8Array, from: number, length: number): void {
    const { text } = this;
    if (length > SHORT_COPY) {
      text.set(bytes.subarray(from, from + length), this.end);
    } else {
      for (let i = 0; i < length; i++) text[this.end + i] = bytes[from + i] ?? 0;
    }
    this.end += length;
  }
}

/** Of a positive integer. */
function digitsOf(value: number): number {
  let digits = 1;
  for (let bound = 10; bound <= value; bound *= 10) digits += 1;
  return digits;
}

function writeDigits(text: Uint8Array, from: number, to: number, value: number): void {
  let rest = value;
  for (let at = to - 1; at >= from; at--) {
    const next = Math.floor(rest / 10);
    text[at] = 0x30 + (rest - next * 10);
    rest = next;
  }
}

function isJson(bytes: Uint8Array, { at, length }: Field): boolean {
  if (length !== JSON_CONTENT_TYPE.length) return false;
  for (let i = 0; i < length; i++) if (bytes[at + i] !== JSON_CONTENT_TYPE[i]) return false;
  return true;
}

function isSame(bytes: Uint8Array, one: Field, other: Field | undefined): boolean {
  if (other === undefined || one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) {
    if (bytes[one.at + i] !== bytes[other.at + i]) return false;
  }
  return true;
}
