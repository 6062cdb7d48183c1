import { isJsonContentType, type Event } from '@event-pipeline/contracts';
import { escapeUnprintable, messageOf, type Clock, type Random } from '@event-pipeline/runtime';
import { parseIsoTime } from './iso-time';
import { membersOf } from './json-members';

/** What an event gets that its line leaves out: an id, and the time. */
export interface LineDefaults {
  readonly clock: Clock;
  readonly random: Random;
}

/** What a line turned out to be: an event, or the reason why it is none. */
export type ParsedLine =
  | { readonly event: Event; readonly reason?: undefined }
  | { readonly event?: undefined; readonly reason: string };

const MEMBERS = [
  'eventId',
  'type',
  'timestamp',
  'data',
  'dataContentType',
  'attributes',
  'source',
  'partitionKey',
  'schemaVersion',
] as const;

type MemberName = (typeof MEMBERS)[number];
type Members = Partial<Record<MemberName, unknown>>;

/** Thrown and caught within this file only: what is wrong with the line, in words. */
class LineProblem extends Error {}

/**
 * Reads one line of a file of events: a JSON object with `type` and, where wanted, the other members
 * of an event. Checks form and types; whether the values are allowed is the collector's to say.
 */
export function parseEventLine(line: string, defaults: LineDefaults): ParsedLine {
  try {
    return { event: eventOf(line, defaults) };
  } catch (error) {
    if (error instanceof LineProblem) return { reason: error.message };
    throw error;
  }
}

function eventOf(line: string, { clock, random }: LineDefaults): Event {
  const { members, dataText } = parseObject(line);
  const dataContentType = textMember(members, 'dataContentType') ?? '';
  const type = textMember(members, 'type');
  if (type === undefined) throw new LineProblem('type is missing');
  return {
    eventId: textMember(members, 'eventId') ?? random.uuid(),
    type,
    timestamp: timestampOf(members) ?? clock.now(),
    data: dataOf(members, dataText, dataContentType),
    dataContentType,
    attributes: attributesOf(members),
    source: textMember(members, 'source') ?? '',
    partitionKey: textMember(members, 'partitionKey') ?? '',
    schemaVersion: textMember(members, 'schemaVersion') ?? '',
  };
}

/** The object's members, and the text of `data` as the user wrote it. */
function parseObject(line: string): { members: Members; dataText: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch (error) {
    throw new LineProblem(`not valid JSON: ${escapeUnprintable(messageOf(error)).slice(0, 160)}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new LineProblem(`must be a JSON object, not ${kindOf(parsed)}`);
  }
  let dataText = '';
  const seen = new Set<string>();
  for (const { name, start, end } of membersOf(line)) {
    if (!(MEMBERS as readonly string[]).includes(name)) {
      throw new LineProblem(
        `${shown(name)} is no member of an event; known: ${MEMBERS.join(', ')}`,
      );
    }
    if (seen.has(name)) throw new LineProblem(`${name} is given twice`);
    seen.add(name);
    if (name === 'data') dataText = line.slice(start, end);
  }
  return { members: parsed as Members, dataText };
}

function textMember(members: Members, name: MemberName): string | undefined {
  const value = members[name];
  return value === undefined ? undefined : textOf(value, name);
}

function textOf(value: unknown, name: string): string {
  if (typeof value !== 'string')
    throw new LineProblem(`${name} must be a string, not ${kindOf(value)}`);
  // Encoded as UTF-8 it would silently become another text.
  if (/\p{Surrogate}/u.test(value)) throw new LineProblem(`${name} contains half a surrogate pair`);
  return value;
}

function timestampOf({ timestamp }: Members): number | undefined {
  if (timestamp === undefined) return undefined;
  if (typeof timestamp === 'number' && Number.isSafeInteger(timestamp)) return timestamp;
  const time = typeof timestamp === 'string' ? parseIsoTime(timestamp) : undefined;
  if (time !== undefined) return time;
  throw new LineProblem(
    'timestamp must be a whole number of Unix milliseconds or an ISO 8601 time with an offset, ' +
      `like "2025-01-31T12:00:00Z", not ${shown(timestamp)}`,
  );
}

/**
 * JSON data is passed on as it was written: parsing and printing would change large numbers, order
 * and repeated names. Data of another media type is the text of a string.
 */
function dataOf({ data }: Members, dataText: string, contentType: string): Buffer {
  if (data === undefined) return Buffer.alloc(0);
  if (isJsonContentType(contentType)) return Buffer.from(dataText, 'utf8');
  if (typeof data === 'string') return Buffer.from(textOf(data, 'data'), 'utf8');
  throw new LineProblem(`data must be a string where dataContentType is ${shown(contentType)}`);
}

function attributesOf({ attributes }: Members): Map<string, string> {
  if (attributes === undefined) return new Map();
  if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes)) {
    throw new LineProblem(`attributes must be an object of strings, not ${kindOf(attributes)}`);
  }
  return new Map(
    Object.entries(attributes).map(([name, value]) => [
      textOf(name, 'the name of an attribute'),
      textOf(value, `attribute ${shown(name)}`),
    ]),
  );
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`.replace('a object', 'an object');
}

function shown(value: unknown): string {
  const json = JSON.stringify(value);
  return escapeUnprintable(json.length > 80 ? `${json.slice(0, 80)}…` : json);
}
