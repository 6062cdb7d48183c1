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

describe('the stored form of an event', () => {
  it('begins with the three members of the first version, in their order', () => {
    const event = Event.fromPartial({ ...base, source: 's' });
    expect(encodeStoredEvent(event, 2)).toBe(
      `{"eventId":"${base.eventId}","type":"page_view","timestamp":1,"receivedAt":2,"source":"s"}`,
    );
  });

  it('says who has sent it where the collector knows, and the same event of another is the same', () => {
    const body = (principal?: string) => encodeStoredEvent(Event.fromPartial(base), 2, principal);
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
