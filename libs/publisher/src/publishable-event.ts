import { types } from 'node:util';
import { isJsonContentType } from '@event-pipeline/contracts';
import { messageOf } from '@event-pipeline/runtime/basics';
import { PublishError } from './publish-error';

/** An event as an application gives it. What its values may be, the collector decides (docs/api.md). */
export interface PublishableEvent {
  /** What happened, e.g. "user_login". */
  readonly type: string;
  /** A UUID that makes the event the same event however often it is sent. Default: a new one. */
  readonly eventId?: string | undefined;
  /** When it happened: Unix milliseconds, or a Date. Default: now. */
  readonly timestamp?: number | Date | undefined;
  /**
   * Bytes are sent as they are. Anything else is written as JSON; where `dataContentType` is not JSON,
   * it has to be a string, which is sent as UTF-8.
   */
  readonly data?: unknown;
  /** Media type of `data`. Default: application/json. */
  readonly dataContentType?: string | undefined;
  /** Context that travels with the event, e.g. `traceparent`. */
  readonly attributes?: Readonly<Record<string, string>> | ReadonlyMap<string, string> | undefined;
  /** Where it happened, e.g. the name of the service. */
  readonly source?: string | undefined;
  /** Events with the same key go to the same partition of the queue. */
  readonly partitionKey?: string | undefined;
  /** Version of the schema that `data` follows. */
  readonly schemaVersion?: string | undefined;
}

const NO_BYTES = new Uint8Array(0);
const HALF_PAIR = /\p{Surrogate}/u;

/**
 * A text that UTF-8 can hold; half a surrogate pair would silently become another text.
 *
 * @throws PublishError INVALID_EVENT
 */
export function checkText(value: unknown, name: string): string {
  if (typeof value !== 'string') throw invalid(`${name} must be a string, not ${kindOf(value)}`);
  if (HALF_PAIR.test(value)) throw invalid(`${name} contains half a surrogate pair`);
  return value;
}

/**
 * Unix milliseconds of what was given, or `now`.
 *
 * @throws PublishError INVALID_EVENT
 */
export function timestampOf(timestamp: unknown, now: () => number): number {
  if (timestamp === undefined) return now();
  const time = timestamp instanceof Date ? timestamp.getTime() : timestamp;
  if (typeof time === 'number' && Number.isSafeInteger(time)) return time;
  throw invalid('timestamp must be a whole number of Unix milliseconds or a valid Date');
}

/**
 * The bytes of an event's data.
 *
 * @throws PublishError INVALID_EVENT
 */
export function dataBytes({ data, dataContentType }: PublishableEvent): Uint8Array {
  if (data === undefined) return NO_BYTES;
  if (types.isUint8Array(data)) return data;
  if (!isJsonContentType(dataContentType ?? '')) {
    return Buffer.from(checkText(data, 'data that is not JSON'), 'utf8');
  }
  return Buffer.from(jsonOf(data), 'utf8');
}

function jsonOf(data: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(data) as string | undefined;
  } catch (error) {
    throw invalid(`data cannot be written as JSON: ${messageOf(error)}`);
  }
  if (json === undefined) throw invalid(`data cannot be written as JSON: it is ${kindOf(data)}`);
  return json;
}

export function invalid(message: string): PublishError {
  return new PublishError('INVALID_EVENT', message);
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`.replace('a object', 'an object');
}
