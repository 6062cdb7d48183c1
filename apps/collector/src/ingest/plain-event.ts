import { isUtf8 } from 'node:buffer';
import { keyHashOfAscii, keyHashOfHex, type EventPacker } from '@event-pipeline/queue';
import { EventFields, type Field } from './event-fields';
import type { EventOrigin } from './event-origin';
import type { StorableEvent } from './storable-event';
import { EARLIEST_TIMESTAMP, MAX_AHEAD_MS, type EventLimits } from './event-validator';
import { SLACK_BYTES, TextPart, eventTextBytes, writeEventText } from './plain-event-text';
import { JsonLook, lookAtJson } from './plain-json';

const ID_LENGTH = 36;
const MAX_TYPE_LENGTH = 128;
const JSON_CONTENT_TYPE = Buffer.from('application/json');

const DASH = 0x2d;
const IS_HEX = new Uint8Array(256);
for (const digit of Buffer.from('0123456789abcdefABCDEF')) IS_HEX[digit] = 1;
/** The groups of digits of a UUID: each ends where a dash stands. */
const GROUP_ENDS = [8, 13, 18, 23, ID_LENGTH] as const;
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

/**
 * The fast way of an ordinary event from its bytes on the wire to its stored text: recognised and
 * checked, then copied into its batch, with no object made on the way.
 *
 * Takes only what it fully understands: fields that come once, texts of ASCII without anything to be
 * escaped, JSON data. Everything else, each event that is to be refused among it, is left to the
 * decoder, the validator and the codec. They would say the same of what is taken here; a property test
 * holds both together.
 */
export class PlainEventReader implements StorableEvent {
  readonly rejection = undefined;
  private readonly fields = new EventFields();
  private bytes: Uint8Array = new Uint8Array(0);
  private size = 0;
  private receipt = new TextPart('');
  private receivedAtMs = NaN;
  private member: string | undefined;
  private traceparent = '';

  constructor(private readonly limits: EventLimits) {}

  /**
   * @param bytes must not change until the event was written
   * @param now the collector's clock, Unix ms
   * @param origin who sends it; undefined: anybody, who may send anything
   * @param traceparent of the span that received it; empty for none
   * @returns false for an event that is not ordinary; else this object is the event that was read
   */
  read(
    bytes: Uint8Array,
    from: number,
    to: number,
    now: number,
    origin?: EventOrigin,
    traceparent = '',
  ): boolean {
    const { fields } = this;
    this.bytes = bytes;
    if (!fields.locate(bytes, from, to) || !this.isAllowed(bytes, now)) return false;
    if (!isUuidAt(bytes, fields.eventId.at) || !isType(bytes, fields.type)) return false;
    if (origin !== undefined && !origin.mayPublishAt(bytes, fields.type)) return false;
    if (!isPlain(bytes, fields.source) || !isPlain(bytes, fields.partitionKey)) return false;
    if (!isPlain(bytes, fields.schemaVersion)) return false;
    if (fields.attributes > 0 && !this.areAttributesPlain(bytes)) return false;
    if (fields.data.at !== 0 && !isStorableJson(bytes, fields.data)) return false;
    if (
      now !== this.receivedAtMs ||
      traceparent !== this.traceparent ||
      origin?.member !== this.member
    ) {
      this.receivedAtMs = now;
      this.traceparent = traceparent;
      this.member = origin?.member;
      const span = traceparent === '' ? '' : `,"traceparent":"${traceparent}"`;
      this.receipt = new TextPart(`,"receivedAt":${now}${span}${this.member ?? ''}`);
    }
    this.size = eventTextBytes(fields, this.receipt);
    return true;
  }

  get textBytes(): number {
    return this.size;
  }

  keyHash(): number {
    const { partitionKey, eventId } = this.fields;
    const { at, length } = partitionKey;
    if (at !== 0) return keyHashOfAscii(this.bytes, at, at + length);
    return keyHashOfHex(this.bytes, eventId.at, eventId.at + ID_LENGTH);
  }

  writeTo(packer: EventPacker): void {
    const from = packer.reserve(this.size + SLACK_BYTES);
    writeEventText(packer.buffer, packer.view, from, this.bytes, this.fields, this.receipt);
    packer.commit(from, from + this.size);
  }

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

  private areAttributesPlain(bytes: Uint8Array): boolean {
    const { names, values, attributes } = this.fields;
    if (attributes > this.limits.maxAttributes) return false;
    for (let i = 0; i < attributes; i++) {
      const name = names[i];
      const value = values[i];
      if (name === undefined || value === undefined) return false;
      if (name.length + value.length > this.limits.maxAttributeBytes) return false;
      for (let earlier = 0; earlier < i; earlier++) {
        if (isSame(bytes, name, names[earlier])) return false;
      }
      if (!isPlain(bytes, name) || !isPlain(bytes, value)) return false;
    }
    return true;
  }
}

function isUuidAt(bytes: Uint8Array, from: number): boolean {
  let i = 0;
  for (const end of GROUP_ENDS) {
    for (; i < end; i++) if (IS_HEX[bytes[from + i] ?? 0] === 0) return false;
    if (end !== ID_LENGTH && bytes[from + i++] !== DASH) return false;
  }
  return true;
}

function isType(bytes: Uint8Array, { at, length }: Field): boolean {
  if (IN_TYPE[bytes[at] ?? 0] !== InType.Anywhere) return false;
  for (let i = at; i < at + length; i++) {
    if (IN_TYPE[bytes[i] ?? 0] === InType.Never) return false;
  }
  return true;
}

/** True also of a field that is absent. */
function isPlain(bytes: Uint8Array, { at, length }: Field): boolean {
  if (at === 0) return true;
  for (let i = at; i < at + length; i++) if (IS_PLAIN[bytes[i] ?? 0] === 0) return false;
  return true;
}

function isStorableJson(bytes: Uint8Array, { at, length }: Field): boolean {
  const look = lookAtJson(bytes, at, at + length);
  if (look !== JsonLook.NeedsUtf8) return look === JsonLook.Ascii;
  return isUtf8(bytes.subarray(at, at + length));
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
