import fc from 'fast-check';
import { systemClock, systemRandom } from '@event-pipeline/runtime';
import { parseEventLine } from './ndjson-line';

const defaults = { clock: systemClock, random: systemRandom };
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('__proto__', '\0', '\u2028', '"\\\n', '\ufeff', '😀'),
);
const data = fc.oneof(
  fc.json({ stringUnit: 'binary' }),
  fc.constantFrom('12345678901234567890', '1e400', '{"a":1,"a":2}', '{"__proto__":1}', ' [ ] '),
);

describe('a line of a file of events', () => {
  it('gives every member as it was written, data as its own bytes', () => {
    const fields = fc.record(
      {
        eventId: text,
        type: text,
        timestamp: fc.maxSafeInteger(),
        attributes: fc.dictionary(text, text),
        source: text,
        partitionKey: text,
        schemaVersion: text,
      },
      { requiredKeys: ['eventId', 'type', 'timestamp'] },
    );
    fc.assert(
      fc.property(fields, data, (members, json) => {
        const line = `${JSON.stringify(members).slice(0, -1)},"data":${json}}`;
        const { event, reason } = parseEventLine(line, defaults);
        expect(reason).toBeUndefined();
        const { attributes = {}, ...texts } = members;
        expect(event).toMatchObject({ ...texts, timestamp: members.timestamp + 0 });
        expect(event?.attributes).toEqual(new Map(Object.entries(attributes)));
        expect(Buffer.from(event?.data ?? '').toString()).toBe(json.trim());
      }),
    );
  });

  it('is an event or has a reason in one line why it is none, whatever it is', () => {
    const line = fc.oneof(
      text,
      data,
      fc.dictionary(text, fc.jsonValue()).map((each) => JSON.stringify(each)),
      fc.string({ unit: fc.constantFrom(...'{}[]",:\\ tyex1\u0000') }),
    );
    fc.assert(
      fc.property(line, (each) => {
        const { event, reason } = parseEventLine(each, defaults);
        expect((event === undefined) !== (reason === undefined)).toBe(true);
        expect(reason ?? '').not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  it('refuses half a surrogate pair, which would become another text on the way', () => {
    const half = fc.tuple(text, fc.constantFrom('\ud800', '\udfff')).map(([one, two]) => one + two);
    fc.assert(
      fc.property(half, fc.constantFrom('eventId', 'type', 'source'), (each, name) => {
        const line = JSON.stringify({ type: 't', [name]: each });
        expect(parseEventLine(line, defaults).reason).toContain('half a surrogate pair');
      }),
    );
  });
});
