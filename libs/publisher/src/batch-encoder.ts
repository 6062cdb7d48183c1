import { types } from 'node:util';
import { PublishError } from './publish-error';
import {
  checkText,
  dataBytes,
  invalid,
  timestampOf,
  type PublishableEvent,
} from './publishable-event';

/** Most bytes of the batch id's field at the head of a request. */
const HEAD_BYTES = 38;
const MIN_CAPACITY = 1_024;
/** Up to this length a text of ASCII is faster read and written here than by a call of Buffer. */
const SHORT_TEXT = 64;

/** Field number and wire type of each member of an event: proto/event/event.proto. */
const TAG = {
  batchId: 0x0a,
  events: 0x12,
  eventId: 0x0a,
  type: 0x12,
  timestamp: 0x18,
  data: 0x22,
  dataContentType: 0x2a,
  attributes: 0x32,
  source: 0x3a,
  partitionKey: 0x42,
  schemaVersion: 0x4a,
  key: 0x0a,
  value: 0x12,
} as const;

/** An event that was checked and measured, ready to be written. It refers to the caller's data. */
export interface MeasuredEvent {
  readonly eventId: string;
  readonly type: string;
  readonly timestamp: number;
  readonly data: Uint8Array;
  readonly dataContentType: string;
  readonly attributes: Iterable<readonly [string, string]> | undefined;
  readonly source: string;
  readonly partitionKey: string;
  readonly schemaVersion: string;
  /** Its own length on the wire. */
  readonly length: number;
  /** What it takes in a request, with its head. */
  readonly bytes: number;
}

export interface EventDefaults {
  /** The time of an event that bears none. */
  readonly now: () => number;
  /** The id of an event that bears none. */
  readonly newId: () => string;
  /** The traceparent of an event that bears none; see PublisherOptions. */
  readonly traceparent?: (() => string | undefined) | undefined;
}

const TRACEPARENT = 'traceparent';

/**
 * Checks the types of an event and says how much room it takes.
 *
 * @throws PublishError INVALID_EVENT
 */
export function measureEvent(event: PublishableEvent, defaults: EventDefaults): MeasuredEvent {
  if (typeof event !== 'object' || (event as unknown) === null) {
    throw invalid('an event must be an object');
  }
  const eventId = event.eventId ?? defaults.newId();
  const { type } = event;
  const timestamp = timestampOf(event.timestamp, defaults.now);
  const dataContentType = event.dataContentType ?? '';
  const source = event.source ?? '';
  const partitionKey = event.partitionKey ?? '';
  const schemaVersion = event.schemaVersion ?? '';
  let length =
    textField(eventId, 'eventId') +
    textField(type, 'type') +
    textField(dataContentType, 'dataContentType') +
    textField(source, 'source') +
    textField(partitionKey, 'partitionKey') +
    textField(schemaVersion, 'schemaVersion');
  if (timestamp !== 0) length += 1 + timestampLength(timestamp);
  const data = dataBytes(event);
  if (data.length > 0) length += 1 + varintLength(data.length) + data.length;
  let attributes: (readonly [string, string])[] | undefined;
  const given = event.attributes;
  if (given !== undefined && !(given instanceof Map && given.size === 0)) {
    attributes = entriesOf(given);
  }
  const traceparent = defaults.traceparent?.();
  if (traceparent !== undefined && !attributes?.some(([name]) => name === TRACEPARENT)) {
    attributes = [...(attributes ?? []), [TRACEPARENT, traceparent]];
  }
  if (attributes !== undefined) {
    for (const [name, value] of attributes) {
      const entry = entryLength(name, value);
      length += 1 + varintLength(entry) + entry;
    }
  }
  return {
    eventId,
    type,
    timestamp,
    data,
    dataContentType,
    attributes,
    source,
    partitionKey,
    schemaVersion,
    length,
    bytes: 1 + varintLength(length) + length,
  };
}

/**
 * Writes a PublishEventsRequest as it grows: the bytes that go over the wire, and to disk. What is written
 * belongs to it, so an event may be changed as soon as it was added. This instead of the generated encoder,
 * since that takes a whole request at once, and does not say before how large an event is.
 */
export class BatchEncoder {
  #buffer: Buffer;
  #end = 0;
  #events = 0;

  /** @param expectedBytes as many as it will probably have: growing leaves garbage behind */
  constructor(
    readonly batchId: string,
    expectedBytes = 0,
  ) {
    this.#buffer = Buffer.allocUnsafe(Math.max(MIN_CAPACITY, expectedBytes));
    this.#text(TAG.batchId, batchId);
  }

  /** What an empty request takes. */
  static readonly headBytes = HEAD_BYTES;

  get events(): number {
    return this.#events;
  }

  get bytes(): number {
    return this.#end;
  }

  add(event: MeasuredEvent): void {
    this.#reserve(event.bytes);
    const { data } = event;
    this.#byte(TAG.events);
    this.#varint(event.length);
    this.#text(TAG.eventId, event.eventId);
    this.#text(TAG.type, event.type);
    if (event.timestamp !== 0) {
      this.#byte(TAG.timestamp);
      this.#timestamp(event.timestamp);
    }
    if (data.length > 0) {
      this.#byte(TAG.data);
      this.#varint(data.length);
      this.#buffer.set(data, this.#end);
      this.#end += data.length;
    }
    this.#text(TAG.dataContentType, event.dataContentType);
    if (event.attributes !== undefined) {
      for (const [name, value] of event.attributes) {
        this.#byte(TAG.attributes);
        this.#varint(entryLength(name, value));
        this.#text(TAG.key, name);
        this.#text(TAG.value, value);
      }
    }
    this.#text(TAG.source, event.source);
    this.#text(TAG.partitionKey, event.partitionKey);
    this.#text(TAG.schemaVersion, event.schemaVersion);
    this.#events += 1;
  }

  /** The request; nothing may be added after it. */
  finish(): Buffer {
    const written = this.#buffer.subarray(0, this.#end);
    // A small batch does not keep a large buffer.
    return this.#end * 2 < this.#buffer.length ? Buffer.from(written) : written;
  }

  #reserve(bytes: number): void {
    const wanted = this.#end + bytes;
    if (wanted <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(wanted, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#end);
    this.#buffer = larger;
  }

  #byte(value: number): void {
    this.#buffer[this.#end++] = value;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#byte(rest);
  }

  #timestamp(value: number): void {
    if (value > 0) return this.#varint(value);
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 0x7fn) {
      this.#byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.#byte(Number(rest));
  }

  #text(tag: number, text: string): void {
    const { length } = text;
    if (length === 0) return;
    if (length <= SHORT_TEXT && this.#shortText(tag, text)) return;
    const bytes = Buffer.byteLength(text);
    this.#byte(tag);
    this.#varint(bytes);
    this.#end += this.#buffer.write(text, this.#end, bytes, bytes === length ? 'latin1' : 'utf8');
  }

  /** Writes a text of ASCII; false where it is none, and nothing was written. */
  #shortText(tag: number, text: string): boolean {
    const buffer = this.#buffer;
    const { length } = text;
    const start = this.#end + 2;
    for (let i = 0; i < length; i += 1) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      buffer[start + i] = code;
    }
    buffer[start - 2] = tag;
    buffer[start - 1] = length;
    this.#end = start + length;
    return true;
  }
}

/** @throws PublishError TOO_LARGE where the event alone is more than a request may be. */
export function checkSize({ bytes }: MeasuredEvent, maxRequestBytes: number): void {
  const request = bytes + HEAD_BYTES;
  if (request <= maxRequestBytes) return;
  const message = `the event needs a request of ${request} bytes; at most ${maxRequestBytes} are sent`;
  throw new PublishError('TOO_LARGE', message);
}

/** @throws PublishError INVALID_EVENT */
function textField(text: unknown, name: string): number {
  if (text === '') return 0;
  if (typeof text !== 'string') checkText(text, name);
  const length = byteLength(text as string);
  if (length !== (text as string).length) checkText(text, name);
  return 1 + varintLength(length) + length;
}

function byteLength(text: string): number {
  const { length } = text;
  if (length > SHORT_TEXT) return Buffer.byteLength(text);
  for (let i = 0; i < length; i += 1) {
    if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text);
  }
  return length;
}

function entryLength(name: string, value: string): number {
  return textField(name, 'the name of an attribute') + textField(value, `attribute "${name}"`);
}

function entriesOf(
  attributes: NonNullable<PublishableEvent['attributes']>,
): (readonly [string, string])[] {
  if (types.isMap(attributes)) return [...(attributes as ReadonlyMap<string, string>)];
  if (typeof attributes === 'object' && (attributes as unknown) !== null) {
    return Object.entries(attributes as Readonly<Record<string, string>>);
  }
  throw invalid('attributes must be an object or a Map of strings');
}

function varintLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  let length = 3;
  for (let rest = Math.floor(value / 0x200000); rest > 0; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

function timestampLength(value: number): number {
  return value < 0 ? 10 : varintLength(value);
}
