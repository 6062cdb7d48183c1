import { isUtf8 } from 'node:buffer';
import {
  EVENT_TYPE_PATTERN,
  isJsonContentType,
  RejectionCode,
  type Event,
} from '@event-pipeline/contracts';
import type { Refusal } from './event-decoder';
import { problemOfJson } from './storable-json';

/** What one event may measure. Lengths are bytes of UTF-8. */
export interface EventLimits {
  readonly maxDataBytes: number;
  readonly maxAttributes: number;
  /** Of one attribute, name and value together. */
  readonly maxAttributeBytes: number;
  /** Of source, partition_key, schema_version and data_content_type, each. */
  readonly maxFieldBytes: number;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
export const EARLIEST_TIMESTAMP = Date.UTC(2000, 0, 1);
export const MAX_AHEAD_MS = 24 * 60 * 60 * 1_000;

/** Whether a text is a UUID of any version, in either case. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/**
 * Says why an event is refused; undefined when it is accepted. What is accepted can be stored: no
 * U+0000 and no lone surrogate anywhere.
 *
 * @param now the collector's clock, Unix ms
 */
export function refusalOf(event: Event, limits: EventLimits, now: number): Refusal | undefined {
  if (!UUID.test(event.eventId)) {
    return refuse(
      RejectionCode.REJECTION_CODE_INVALID_EVENT_ID,
      `event_id is ${shown(event.eventId)}; expected a UUID`,
    );
  }
  if (!EVENT_TYPE_PATTERN.test(event.type)) {
    return refuse(
      RejectionCode.REJECTION_CODE_INVALID_TYPE,
      `type is ${shown(event.type)}; expected a letter, then up to 127 letters, digits, "_", "." or "-"`,
    );
  }
  if (event.timestamp < EARLIEST_TIMESTAMP || event.timestamp > now + MAX_AHEAD_MS) {
    return refuse(
      RejectionCode.REJECTION_CODE_INVALID_TIMESTAMP,
      `timestamp is ${event.timestamp}; expected Unix time in milliseconds from 2000-01-01 to one day ahead`,
    );
  }
  return (
    refusalOfTexts(event, limits) ??
    refusalOfAttributes(event, limits) ??
    refusalOfData(event, limits)
  );
}

function refusalOfTexts(event: Event, limits: EventLimits): Refusal | undefined {
  const { source, partitionKey, schemaVersion, dataContentType } = event;
  // Most events have none of them.
  if (source === '' && partitionKey === '' && schemaVersion === '' && dataContentType === '') {
    return undefined;
  }
  const fields = {
    source,
    partition_key: partitionKey,
    schema_version: schemaVersion,
    data_content_type: dataContentType,
  };
  for (const [name, value] of Object.entries(fields)) {
    if (byteLength(value) > limits.maxFieldBytes) {
      return refuse(
        RejectionCode.REJECTION_CODE_FIELD_TOO_LONG,
        `${name} has ${byteLength(value)} bytes; at most ${limits.maxFieldBytes} are allowed`,
      );
    }
    if (value.includes('\0')) return containsNul(name);
  }
  return undefined;
}

function refusalOfAttributes({ attributes }: Event, limits: EventLimits): Refusal | undefined {
  if (attributes.size > limits.maxAttributes) {
    return refuse(
      RejectionCode.REJECTION_CODE_INVALID_ATTRIBUTES,
      `there are ${attributes.size} attributes; at most ${limits.maxAttributes} are allowed`,
    );
  }
  for (const [name, value] of attributes) {
    if (name === '') {
      return refuse(RejectionCode.REJECTION_CODE_INVALID_ATTRIBUTES, 'an attribute has no name');
    }
    if (name.includes('\0') || value.includes('\0')) return containsNul(`attribute ${shown(name)}`);
    if (byteLength(name) + byteLength(value) > limits.maxAttributeBytes) {
      return refuse(
        RejectionCode.REJECTION_CODE_INVALID_ATTRIBUTES,
        `attribute ${shown(name)} is longer than ${limits.maxAttributeBytes} bytes`,
      );
    }
  }
  return undefined;
}

function refusalOfData({ data, dataContentType }: Event, limits: EventLimits): Refusal | undefined {
  if (data.length > limits.maxDataBytes) {
    return refuse(
      RejectionCode.REJECTION_CODE_TOO_LARGE,
      `data has ${data.length} bytes; at most ${limits.maxDataBytes} are allowed`,
    );
  }
  if (data.length === 0 || !isJsonContentType(dataContentType)) return undefined;
  const problem = isUtf8(data) ? problemOfJson(data) : 'data is not valid UTF-8';
  return problem === undefined
    ? undefined
    : refuse(RejectionCode.REJECTION_CODE_INVALID_DATA, problem);
}

function containsNul(where: string): Refusal {
  return refuse(RejectionCode.REJECTION_CODE_INVALID_TEXT, `${where} contains U+0000`);
}

function refuse(code: RejectionCode, message: string): Refusal {
  return { code, message };
}

function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** At most 64 characters of a text, quoted and with control characters escaped. */
function shown(text: string): string {
  return text === '' ? 'empty' : JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
