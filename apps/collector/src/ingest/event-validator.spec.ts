import { Event, RejectionCode } from '@event-pipeline/contracts';
import { refusalOf, type EventLimits } from './event-validator';

const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;
const limits: EventLimits = {
  maxDataBytes: 100,
  maxAttributes: 2,
  maxAttributeBytes: 10,
  maxFieldBytes: 8,
};
const valid = {
  eventId: '6f9619ff-8b86-4d01-b42d-00cf4fc964ff',
  type: 'page_view',
  timestamp: NOW,
};
const codeOf = (more: Partial<Event>) => {
  const event = { ...Event.fromPartial(valid), ...more };
  return refusalOf(event, limits, NOW)?.code;
};
const attributes = (...entries: [string, string][]) => ({ attributes: new Map(entries) });

describe('an event is accepted with', () => {
  it.each([
    ['nothing but the three members', {}],
    ['a UUID in upper case', { eventId: valid.eventId.toUpperCase() }],
    ['a UUID of another version', { eventId: '00000000-0000-0000-0000-000000000000' }],
    ['a type of one letter', { type: 'a' }],
    ['a type of 128 characters', { type: `A${'.'.repeat(127)}` }],
    ['the earliest timestamp', { timestamp: Date.UTC(2000, 0, 1) }],
    ['a timestamp a day ahead', { timestamp: NOW + DAY }],
    ['fields as long as allowed', { source: 'é'.repeat(4), schemaVersion: '12345678' }],
    ['as many attributes as allowed', attributes(['__proto__', 'a'], ['b', '123456789'])],
    ['JSON data', { data: Buffer.from('{"a":[1,null]}') }],
    ['bytes of another type', { data: Buffer.from([0, 255]), dataContentType: 'x/y' }],
  ])('%s', (_, more) => {
    expect(codeOf(more)).toBeUndefined();
  });
});

describe('an event is refused with', () => {
  it.each([
    ['no id', { eventId: '' }, 'INVALID_EVENT_ID'],
    ['an id in braces', { eventId: `{${valid.eventId}}` }, 'INVALID_EVENT_ID'],
    ['an id with a line break', { eventId: `${valid.eventId}\n` }, 'INVALID_EVENT_ID'],
    ['no type', { type: '' }, 'INVALID_TYPE'],
    ['a type that begins with a digit', { type: '1a' }, 'INVALID_TYPE'],
    ['a type with a blank', { type: 'a b' }, 'INVALID_TYPE'],
    ['a type with a line break', { type: 'a\n' }, 'INVALID_TYPE'],
    ['a type of 129 characters', { type: 'a'.repeat(129) }, 'INVALID_TYPE'],
    ['no timestamp', { timestamp: 0 }, 'INVALID_TIMESTAMP'],
    ['a timestamp in seconds', { timestamp: NOW / 1_000 }, 'INVALID_TIMESTAMP'],
    ['a negative timestamp', { timestamp: -1 }, 'INVALID_TIMESTAMP'],
    ['a timestamp too far ahead', { timestamp: NOW + DAY + 1 }, 'INVALID_TIMESTAMP'],
    ['a source too long in bytes', { source: 'é'.repeat(5) }, 'FIELD_TOO_LONG'],
    ['a partition key too long', { partitionKey: '123456789' }, 'FIELD_TOO_LONG'],
    ['a schema version too long', { schemaVersion: '123456789' }, 'FIELD_TOO_LONG'],
    ['a content type too long', { dataContentType: '123456789' }, 'FIELD_TOO_LONG'],
    ['U+0000 in a field', { partitionKey: 'a\0' }, 'INVALID_TEXT'],
    ['U+0000 in an attribute', attributes(['a', '\0']), 'INVALID_TEXT'],
    ['too many attributes', attributes(['a', ''], ['b', ''], ['c', '']), 'INVALID_ATTRIBUTES'],
    ['an attribute without a name', attributes(['', 'a']), 'INVALID_ATTRIBUTES'],
    ['an attribute too long', attributes(['abc', '12345678']), 'INVALID_ATTRIBUTES'],
    ['data too large', { data: Buffer.alloc(101, 0x31) }, 'TOO_LARGE'],
    ['data that is not JSON', { data: Buffer.from('a') }, 'INVALID_DATA'],
    ['data that is not UTF-8', { data: Buffer.from('22ff22', 'hex') }, 'INVALID_DATA'],
    ['data with U+0000', { data: Buffer.from('"\\u0000"') }, 'INVALID_DATA'],
  ] as const)('%s', (_, more, code) => {
    expect(RejectionCode[codeOf(more) ?? 0]).toBe(`REJECTION_CODE_${code}`);
  });
});
