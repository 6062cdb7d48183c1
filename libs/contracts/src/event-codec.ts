import { PipelineError } from '@event-pipeline/runtime';
import type { Event } from './gen/event/event';

/** What the type of an event must look like: a letter, then up to 127 more characters. */
export const EVENT_TYPE_PATTERN = /^[A-Za-z][A-Za-z0-9_.-]{0,127}$/;

/** An event as it lies in the queue and as handlers get it. */
export interface StoredEvent {
  /** UUID in lower case. */
  readonly eventId: string;
  readonly type: string;
  /** When it happened, Unix ms, as the producer said. */
  readonly timestamp: number;
  /** When the collector took it, Unix ms. */
  readonly receivedAt: number;
  /** Who sent it, as the collector found out; absent where it asks nobody. No client can set it. */
  readonly principal?: string;
  /** The collector's span that received it, as W3C `traceparent`; absent where none was kept. */
  readonly traceparent?: string;
  readonly source?: string;
  readonly partitionKey?: string;
  readonly schemaVersion?: string;
  /** Has no prototype, so that an attribute may bear any name. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Absent for JSON. */
  readonly dataContentType?: string;
  /** The parsed JSON, or the bytes where dataContentType is not JSON; absent where none was sent. */
  readonly data?: unknown;
}

/** Whether data of this media type is embedded as JSON. Empty means JSON. */
export function isJsonContentType(contentType: string): boolean {
  if (contentType === '') return true;
  const mediaType = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
  return (
    mediaType === 'application/json' || mediaType === 'text/json' || mediaType.endsWith('+json')
  );
}

/**
 * The JSON text that the queue stores: eventId, type and timestamp first, then what the collector sets
 * (receivedAt and, where there are any, traceparent and principal), then whatever else is set, data last. JSON data is embedded as the producer's own bytes (parsing and
 * printing would change large numbers, order and duplicate keys); other data becomes dataBase64.
 *
 * The event must have been accepted by the validator: JSON data that is not JSON would make the
 * whole text unreadable.
 *
 * @param traceparent of the collector's span; empty where none is kept
 * @param principal who sent it; empty where nobody was asked
 */
export function encodeStoredEvent(
  event: Event,
  receivedAt: number,
  traceparent = '',
  principal = '',
): string {
  let json = `{"eventId":${JSON.stringify(event.eventId)},"type":${JSON.stringify(event.type)},"timestamp":${event.timestamp},"receivedAt":${receivedAt}`;
  if (traceparent !== '') json += `,"traceparent":${JSON.stringify(traceparent)}`;
  if (principal !== '') json += `,"principal":${JSON.stringify(principal)}`;
  if (event.source !== '') json += `,"source":${JSON.stringify(event.source)}`;
  if (event.partitionKey !== '') json += `,"partitionKey":${JSON.stringify(event.partitionKey)}`;
  if (event.schemaVersion !== '') json += `,"schemaVersion":${JSON.stringify(event.schemaVersion)}`;
  if (event.attributes.size > 0) {
    const members: string[] = [];
    for (const [name, value] of event.attributes) {
      members.push(`${JSON.stringify(name)}:${JSON.stringify(value)}`);
    }
    json += `,"attributes":{${members.join(',')}}`;
  }
  if (event.dataContentType !== '') {
    json += `,"dataContentType":${JSON.stringify(event.dataContentType)}`;
  }
  if (event.data.length === 0) return json + '}';
  if (isJsonContentType(event.dataContentType)) return withJsonData(json, event.data);
  return `${json},"dataBase64":"${viewOf(event.data).toString('base64')}"}`;
}

const DATA_MEMBER = ',"data":';
/** Where texts with large data are put together; grows to the largest seen. */
let scratch = Buffer.alloc(0);

/**
 * Appends the data member. Joined as bytes and decoded once: joining texts would leave the data in
 * memory several times over until the garbage is collected.
 */
function withJsonData(json: string, data: Uint8Array): string {
  // A UTF-16 unit becomes at most three bytes.
  const size = json.length * 3 + DATA_MEMBER.length + data.length + 1;
  if (scratch.length < size) scratch = Buffer.allocUnsafeSlow(size);
  let end = scratch.write(json, 0, 'utf8');
  end += scratch.write(DATA_MEMBER, end, 'latin1');
  scratch.set(data, end);
  end += data.length;
  scratch[end++] = 0x7d;
  return scratch.toString('utf8', 0, end);
}

/**
 * Reads what {@link encodeStoredEvent} wrote, and the plain three-member events that other programs
 * push into the list by hand.
 *
 * @throws PipelineError INVALID_ARGUMENT when the text is no stored event.
 */
export function decodeStoredEvent(body: string): StoredEvent {
  let raw: unknown;
  try {
    raw = JSON.parse(body);
  } catch (error) {
    throw new PipelineError('INVALID_ARGUMENT', 'the stored event is not JSON', { cause: error });
  }
  if (!isRecord(raw)) throw invalid('an object', raw);
  const { eventId, type, timestamp, receivedAt, attributes, dataBase64 } = raw;
  const { principal, source, partitionKey, schemaVersion, dataContentType, traceparent } = raw;
  if (typeof eventId !== 'string') throw invalid('a string as eventId', eventId);
  if (typeof type !== 'string') throw invalid('a string as type', type);
  if (typeof timestamp !== 'number') throw invalid('a number as timestamp', timestamp);
  // Member by member: spread, each of the optional ones would cost an object of its own.
  const event: Mutable<StoredEvent> = {
    eventId,
    type,
    timestamp,
    receivedAt: typeof receivedAt === 'number' ? receivedAt : timestamp,
    attributes: attributesOf(attributes),
  };
  if (typeof principal === 'string') event.principal = principal;
  if (typeof traceparent === 'string') event.traceparent = traceparent;
  if (typeof source === 'string') event.source = source;
  if (typeof partitionKey === 'string') event.partitionKey = partitionKey;
  if (typeof schemaVersion === 'string') event.schemaVersion = schemaVersion;
  if (typeof dataContentType === 'string') event.dataContentType = dataContentType;
  if (typeof dataBase64 === 'string') event.data = Buffer.from(dataBase64, 'base64');
  else if ('data' in raw) event.data = raw['data'];
  return event;
}

/** Where {@link encodeStoredEvent} writes what is the collector's: the time of receipt, the span, the sender. */
const RECEIPT =
  /^(\{"eventId":"[^"\\]*","type":"[^"\\]*","timestamp":-?\d+),"receivedAt":\d+(?:,"traceparent":"[0-9a-f-]*")?(?:,"principal":"[^"\\]*")?/;

const TRACEPARENT = /("traceparent":")00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"/g;

/**
 * Whether two texts under one id are the same event. What says how it came does not count: an event that
 * its producer has sent twice was received twice, perhaps sent from two spans, and the second time under
 * another name.
 */
export function isSameEvent(one: string, other: string): boolean {
  return one === other || withoutWay(one) === withoutWay(other);
}

/** The text without its receipt, and without the span in its attributes. */
function withoutWay(text: string): string {
  const event = text.replace(RECEIPT, '$1');
  // What the data says counts, whatever it looks like.
  const data = event.indexOf(DATA_MEMBER);
  const head = data < 0 ? event : event.slice(0, data);
  return head.replace(TRACEPARENT, '$1"') + event.slice(head.length);
}

/** When a stored event was received, Unix ms; undefined for a text that is no event. */
export function receivedAtOf(body: string): number | undefined {
  try {
    return decodeStoredEvent(body).receivedAt;
  } catch {
    return undefined;
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function attributesOf(raw: unknown): Record<string, string> {
  const attributes = Object.create(null) as Record<string, string>;
  if (!isRecord(raw)) return attributes;
  for (const [name, value] of Object.entries(raw)) {
    if (typeof value === 'string') attributes[name] = value;
  }
  return attributes;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(expected: string, found: unknown): PipelineError {
  return new PipelineError(
    'INVALID_ARGUMENT',
    `the stored event needs ${expected}, found ${typeof found}`,
  );
}

/** The same bytes, not a copy. */
function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
