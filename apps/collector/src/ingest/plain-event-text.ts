import type { EventFields, Field } from './event-fields';

/** A piece of text to be written again and again, four bytes at a time. */
export class TextPart {
  readonly length: number;
  readonly words: readonly number[];

  constructor(text: string) {
    const bytes = Buffer.from(text);
    this.length = bytes.length;
    const padded = Buffer.alloc(4 * Math.ceil(bytes.length / 4));
    padded.set(bytes);
    this.words = Array.from({ length: padded.length / 4 }, (_, i) => padded.readInt32LE(4 * i));
  }
}

const EVENT_ID = new TextPart('{"eventId":"');
const TYPE = new TextPart('","type":"');
const TIMESTAMP = new TextPart('","timestamp":');
const SOURCE = new TextPart(',"source":"');
const PARTITION_KEY = new TextPart(',"partitionKey":"');
const SCHEMA_VERSION = new TextPart(',"schemaVersion":"');
const ATTRIBUTES = new TextPart(',"attributes":{"');
const NEXT_ATTRIBUTE = new TextPart('","');
const ATTRIBUTE_VALUE = new TextPart('":"');
const ATTRIBUTES_END = new TextPart('"}');
const DATA_CONTENT_TYPE = new TextPart(',"dataContentType":"application/json"');
const DATA = new TextPart(',"data":');
/** Writing a part may touch so many bytes behind it, which are written afterwards or are nobody's. */
export const SLACK_BYTES = 3;
const QUOTE = 0x22;
const CLOSE_BRACE = 0x7d;

/** Shorter runs of bytes are copied one by one, which costs less than a call. */
const SHORT_COPY = 64;
const ID_LENGTH = 36;
/** What every stored event has: the members of its id, type and timestamp without their values. */
const FRAME_BYTES = EVENT_ID.length + ID_LENGTH + TYPE.length + TIMESTAMP.length + 1;

/** The length of what {@link writeEventText} writes. */
export function eventTextBytes(fields: EventFields, receipt: TextPart): number {
  const { type, timestamp, source, partitionKey, schemaVersion, dataContentType, data } = fields;
  let bytes = FRAME_BYTES + type.length + digitsOf(timestamp) + receipt.length;
  if (source.at !== 0) bytes += SOURCE.length + source.length + 1;
  if (partitionKey.at !== 0) bytes += PARTITION_KEY.length + partitionKey.length + 1;
  if (schemaVersion.at !== 0) bytes += SCHEMA_VERSION.length + schemaVersion.length + 1;
  if (fields.attributes > 0) {
    bytes += ATTRIBUTES.length - NEXT_ATTRIBUTE.length + ATTRIBUTES_END.length;
    for (let i = 0; i < fields.attributes; i++) {
      const length = (fields.names[i]?.length ?? 0) + (fields.values[i]?.length ?? 0);
      bytes += NEXT_ATTRIBUTE.length + ATTRIBUTE_VALUE.length + length;
    }
  }
  if (dataContentType.at !== 0) bytes += DATA_CONTENT_TYPE.length;
  return data.at === 0 ? bytes : bytes + DATA.length + data.length;
}

/**
 * Writes the stored text of an event whose fields were found and checked: as the contract's codec writes
 * it, where every text is ASCII that JSON writes as it is.
 *
 * @param view of the same bytes as `text`, with {@link SLACK_BYTES} more than the text needs
 * @param receipt the members that say when, by which span and by whom it was received, each with a comma before it
 */
export function writeEventText(
  text: Uint8Array,
  view: DataView,
  from: number,
  bytes: Uint8Array,
  fields: EventFields,
  receipt: TextPart,
): void {
  const { eventId, type, timestamp, source, partitionKey, schemaVersion } = fields;
  let to = add(view, from, EVENT_ID);
  to = copyInLowerCase(text, to, bytes, eventId);
  to = add(view, to, TYPE);
  to = copy(text, to, bytes, type);
  to = add(view, to, TIMESTAMP);
  to = addTime(text, to, timestamp);
  to = add(view, to, receipt);
  to = addMember(text, view, to, SOURCE, bytes, source);
  to = addMember(text, view, to, PARTITION_KEY, bytes, partitionKey);
  to = addMember(text, view, to, SCHEMA_VERSION, bytes, schemaVersion);
  if (fields.attributes > 0) to = addAttributes(text, view, to, bytes, fields);
  if (fields.dataContentType.at !== 0) to = add(view, to, DATA_CONTENT_TYPE);
  if (fields.data.at !== 0) to = copy(text, add(view, to, DATA), bytes, fields.data);
  text[to] = CLOSE_BRACE;
}

// Each of these writes from `to` on, and returns where it ends.

function addMember(
  text: Uint8Array,
  view: DataView,
  to: number,
  member: TextPart,
  bytes: Uint8Array,
  field: Field,
): number {
  if (field.at === 0) return to;
  const end = copy(text, add(view, to, member), bytes, field);
  text[end] = QUOTE;
  return end + 1;
}

function addAttributes(
  text: Uint8Array,
  view: DataView,
  from: number,
  bytes: Uint8Array,
  { names, values, attributes }: EventFields,
): number {
  let to = from;
  for (let i = 0; i < attributes; i++) {
    const [name, value] = [names[i], values[i]];
    if (name === undefined || value === undefined) break;
    to = add(view, to, i === 0 ? ATTRIBUTES : NEXT_ATTRIBUTE);
    to = copy(text, to, bytes, name);
    to = add(view, to, ATTRIBUTE_VALUE);
    to = copy(text, to, bytes, value);
  }
  return add(view, to, ATTRIBUTES_END);
}

/** Unix ms as digits, in two halves, each of which is a small integer. */
function addTime(text: Uint8Array, from: number, ms: number): number {
  const high = Math.floor(ms / 1e6);
  const to = from + digitsOf(ms);
  writeDigits(text, to - 6, to, ms - high * 1e6);
  writeDigits(text, from, to - 6, high);
  return to;
}

function writeDigits(text: Uint8Array, from: number, to: number, value: number): void {
  let rest = value | 0;
  for (let at = to - 1; at >= from; at--) {
    const next = (rest / 10) | 0;
    text[at] = 0x30 + (rest - next * 10);
    rest = next;
  }
}

/** Of a positive integer. */
function digitsOf(value: number): number {
  if (value >= 1e12 && value < 1e13) return 13;
  let digits = 1;
  for (let bound = 10; bound <= value; bound *= 10) digits += 1;
  return digits;
}

/** Hexadecimal digits and dashes: the bit by which letters differ in case is set in those anyway. */
function copyInLowerCase(
  text: Uint8Array,
  to: number,
  bytes: Uint8Array,
  { at, length }: Field,
): number {
  for (let i = 0; i < length; i++) text[to + i] = (bytes[at + i] ?? 0) | 0x20;
  return to + length;
}

function add(view: DataView, from: number, { words, length }: TextPart): number {
  let to = from;
  for (const word of words) {
    view.setInt32(to, word, true);
    to += 4;
  }
  return from + length;
}

function copy(text: Uint8Array, to: number, bytes: Uint8Array, { at, length }: Field): number {
  if (length > SHORT_COPY) {
    text.set(bytes.subarray(at, at + length), to);
  } else {
    for (let i = 0; i < length; i++) text[to + i] = bytes[at + i] ?? 0;
  }
  return to + length;
}
