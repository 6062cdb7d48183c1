import fc from 'fast-check';
import {
  decodeStoredEvent,
  encodeStoredEvent,
  Event,
  isJsonContentType,
  isSameEvent,
  receivedAtOf,
} from '.';

const base = { eventId: '6f9619ff-8b86-4d01-b42d-00cf4fc964ff', type: 'page_view', timestamp: 1 };
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('the stored form of an event', () => {
  it('begins with the three members of the first version, in their order', () => {
    const event = Event.fromPartial({ ...base, source: 's' });
    expect(encodeStoredEvent(event, 2)).toBe(
      `{"eventId":"${base.eventId}","type":"page_view","timestamp":1,"receivedAt":2,"source":"s"}`,
    );
  });

  it('says who has sent it where the collector knows, and the same event of another is the same', () => {
    const body = (principal?: string) =>
      encodeStoredEvent(Event.fromPartial(base), 2, '', principal);
    expect(body('shop')).toContain('"receivedAt":2,"principal":"shop"}');
    expect(decodeStoredEvent(body('shop')).principal).toBe('shop');
    expect(decodeStoredEvent(body())).not.toHaveProperty('principal');
    expect(isSameEvent(body('shop'), body())).toBe(true);
    expect(isSameEvent(body('shop'), body('admin'))).toBe(true);
    const forged = Event.fromPartial({ ...base, source: '","principal":"shop' });
    expect(isSameEvent(encodeStoredEvent(forged, 2), body('shop'))).toBe(false);
  });

  it('embeds JSON data as the very bytes that were sent, last', () => {
    const data = '{ "big":12345678901234567890, "b":1,"a":2,"a":3 }';
    const event = Event.fromPartial({ ...base, data: Buffer.from(data), partitionKey: 'k' });
    expect(encodeStoredEvent(event, 2)).toMatch(new RegExp(`,"data":${escaped(data)}}$`));
  });

  it('gives back every text and byte as it was', () => {
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(
        text,
        text,
        text,
        fc.array(fc.tuple(text, text)),
        fc.option(fc.json()),
        (source, partitionKey, schemaVersion, attributes, data) => {
          const event = Event.fromPartial({
            ...base,
            source,
            partitionKey,
            schemaVersion,
            attributes: new Map([...attributes, ['__proto__', 'x']]),
            data: Buffer.from(data ?? ''),
          });
          const stored = decodeStoredEvent(encodeStoredEvent(event, 5));
          expect(stored).toMatchObject({ ...base, receivedAt: 5 });
          expect(stored.source ?? '').toBe(source);
          expect(stored.partitionKey ?? '').toBe(partitionKey);
          expect(stored.schemaVersion ?? '').toBe(schemaVersion);
          expect(new Map(Object.entries(stored.attributes))).toEqual(event.attributes);
          if (data !== null) expect(stored.data).toEqual(JSON.parse(data));
        },
      ),
    );
  });

  it('keeps data that is not JSON as bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (bytes) => {
        const data = Buffer.from(bytes);
        const event = Event.fromPartial({ ...base, data, dataContentType: 'application/x-bin' });
        const stored = decodeStoredEvent(encodeStoredEvent(event, 5));
        expect(stored).toMatchObject({ data, dataContentType: 'application/x-bin' });
      }),
    );
  });

  it('reads the plain events that other programs push by hand', () => {
    expect(decodeStoredEvent('{"eventId":"x","type":"t","timestamp":7}')).toMatchObject({
      eventId: 'x',
      timestamp: 7,
      receivedAt: 7,
    });
  });

  it.each(['', '{', '[]', 'null', '7', '{}', '{"eventId":1,"type":"t","timestamp":1}'])(
    'refuses %j, which is no event',
    (body) => {
      expect(() => decodeStoredEvent(body)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      );
    },
  );

  it('says when it was received, and nothing for a text that is no event', () => {
    expect(receivedAtOf(encodeStoredEvent(Event.fromPartial(base), 7))).toBe(7);
    expect(receivedAtOf('{')).toBeUndefined();
  });

  it('keeps the span that received it, and none where there is none', () => {
    const event = Event.fromPartial({ ...base, source: 's' });
    const text = encodeStoredEvent(event, 7, TRACEPARENT);
    expect(text).toContain(`,"receivedAt":7,"traceparent":"${TRACEPARENT}","source":"s"`);
    expect(decodeStoredEvent(text)).toMatchObject({ receivedAt: 7, traceparent: TRACEPARENT });
    expect(decodeStoredEvent(encodeStoredEvent(event, 7))).not.toHaveProperty('traceparent');
  });

  it('is the same event when it came another time and by another span', () => {
    const sent = (traceparent: string, data = '{"a":1}') =>
      Event.fromPartial({
        ...base,
        attributes: new Map([
          ['traceparent', traceparent],
          ['tenant', 'a'],
        ]),
        data: Buffer.from(data),
      });
    const other = TRACEPARENT.replace('4bf9', '0000');
    const first = encodeStoredEvent(sent(TRACEPARENT), 7, TRACEPARENT);
    expect(isSameEvent(first, encodeStoredEvent(sent(TRACEPARENT), 8))).toBe(true);
    expect(isSameEvent(first, encodeStoredEvent(sent(other), 9, other))).toBe(true);
    expect(isSameEvent(first, encodeStoredEvent(sent(other, '{"a":2}'), 9, other))).toBe(false);
    // What the data says counts, even where it looks like a span.
    const says = (traceparent: string) => JSON.stringify({ traceparent });
    const [one, two] = [says(TRACEPARENT), says(other)].map((data) =>
      encodeStoredEvent(sent(TRACEPARENT, data), 7),
    );
    expect(isSameEvent(one!, two!)).toBe(false);
    expect(isSameEvent(one!, one!.replace('"tenant":"a"', '"tenant":"b"'))).toBe(false);
  });

  it.each([
    ['', true],
    ['application/json', true],
    ['Application/JSON; charset=utf-8', true],
    ['application/cloudevents+json', true],
    ['text/plain', false],
    ['application/jsonp', false],
  ])('takes the media type %j for JSON: %s', (contentType, expected) => {
    expect(isJsonContentType(contentType)).toBe(expected);
  });
});

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
