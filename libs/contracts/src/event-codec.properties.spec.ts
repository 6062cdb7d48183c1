import fc from 'fast-check';
import { decodeStoredEvent, encodeStoredEvent, Event } from '.';

const HOSTILE = [
  '__proto__',
  'constructor',
  'toString',
  '\0',
  '\u0001\u001f\u007f',
  '\u2028\u2029',
  '\ufeff',
  '\ud83d\ude00',
  '"\\/\b\f\n\r\t',
  '</script>',
  ',"data":{}}',
  'ß'.repeat(3_000),
];
/** Any text that UTF-8 can hold; the validator refuses the rest. */
const text = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary' }));
const time = fc.integer({ min: -(2 ** 53) + 1, max: 2 ** 53 - 1 });

const NUMBERS = ['12345678901234567890', '-0', '1e400', '1E-400', '0.1e+2', '9007199254740993'];
const depth = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
/** JSON texts, among them such as change when they are parsed and printed. */
const json = fc.oneof(
  fc.json({ stringUnit: 'binary' }),
  fc.constantFrom(...NUMBERS, ...HOSTILE.map((each) => JSON.stringify(each)), depth(2_000)),
  fc.constantFrom('{"a":1,"a":2}', '{"__proto__":{"x":1}}', ' { "b" : 1 } ', '"\\ud800"', 'null'),
);

const events = fc.record({
  eventId: fc.uuid(),
  type: fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,127}$/),
  timestamp: time,
  source: text,
  partitionKey: text,
  schemaVersion: text,
  attributes: fc.array(fc.tuple(text, text)).map((members) => new Map(members)),
});

describe('an event that is encoded and decoded', () => {
  it('is the same, whatever its texts are made of', () => {
    fc.assert(
      fc.property(events, time, (fields, receivedAt) => {
        const stored = decodeStoredEvent(
          throughUtf8(encodeStoredEvent(Event.fromPartial(fields), receivedAt)),
        );
        const { eventId, type, timestamp, source, partitionKey, schemaVersion } = fields;
        expect(stored).toMatchObject({ eventId, type, timestamp: timestamp + 0, receivedAt });
        expect(stored.source ?? '').toBe(source);
        expect(stored.partitionKey ?? '').toBe(partitionKey);
        expect(stored.schemaVersion ?? '').toBe(schemaVersion);
        expect(new Map(Object.entries(stored.attributes))).toEqual(fields.attributes);
        expect(stored.data).toBeUndefined();
        expect(Object.getPrototypeOf(stored)).toBe(Object.prototype);
      }),
    );
  });

  it('bears JSON data as the bytes that were sent, however odd', () => {
    fc.assert(
      fc.property(events, json, (fields, data) => {
        const event = Event.fromPartial({ ...fields, data: Buffer.from(data) });
        const body = throughUtf8(encodeStoredEvent(event, 1));
        expect(body.endsWith(`,"data":${data}}`)).toBe(true);
        const stored = decodeStoredEvent(body);
        expect(Object.is(stored.data, JSON.parse(data))).toBe(
          typeof JSON.parse(data) !== 'object' || JSON.parse(data) === null,
        );
        expect(JSON.stringify(stored.data)).toBe(JSON.stringify(JSON.parse(data)));
        expect(stored.eventId).toBe(fields.eventId);
      }),
    );
  });

  it('bears other data as the bytes that were sent', () => {
    fc.assert(
      fc.property(events, fc.uint8Array({ minLength: 1 }), (fields, bytes) => {
        const data = Buffer.from(bytes);
        const event = Event.fromPartial({ ...fields, data, dataContentType: 'text/plain' });
        const stored = decodeStoredEvent(throughUtf8(encodeStoredEvent(event, 1)));
        expect(Buffer.compare(stored.data as Buffer, data)).toBe(0);
      }),
    );
  });
});

describe('a text that somebody else has put into the queue', () => {
  it('is read, or refused as no event: nothing else, whatever it is', () => {
    const members = fc.dictionary(text, fc.jsonValue({ stringUnit: 'binary' }));
    const odd = fc.oneof(
      text,
      json,
      members.map((each) => JSON.stringify(each)),
    );
    fc.assert(
      fc.property(odd, (body) => {
        try {
          expect(decodeStoredEvent(body)).toMatchObject({ eventId: expect.any(String) });
        } catch (error) {
          expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' });
        }
      }),
    );
  });
});

/** As the queue stores it. */
function throughUtf8(body: string): string {
  return Buffer.from(body).toString();
}
