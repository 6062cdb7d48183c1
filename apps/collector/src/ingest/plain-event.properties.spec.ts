import fc from 'fast-check';
import { Event } from '@event-pipeline/contracts';
import { EventPacker } from '@event-pipeline/queue';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { EventIngestor } from './event-ingestor';
import { EventOrigin } from './event-origin';
import { PlainEventReader } from './plain-event';
import type { StorableEvent } from './storable-event';

const NOW = Date.UTC(2026, 5, 1);
const LIMITS = { maxDataBytes: 400, maxAttributes: 4, maxAttributeBytes: 24, maxFieldBytes: 20 };

/** What an event comes to. */
function storedAs(event: StorableEvent) {
  const packer = new EventPacker();
  event.writeTo(packer);
  return { texts: packer.take().texts(), bytes: event.textBytes, keyHash: event.keyHash() };
}

/** Of both ways: what they make of the same bytes, which stand within others on the fast one. */
function bothWays(
  bytes: Uint8Array,
  before = 0,
  behind = 0,
  origin?: EventOrigin,
  traceparent = '',
) {
  const request = Buffer.alloc(before + bytes.length + behind, 0x0a);
  request.set(bytes, before);
  const reader = new PlainEventReader(LIMITS);
  const isTaken = reader.read(request, before, before + bytes.length, NOW, origin, traceparent);
  const ingestor = new EventIngestor(LIMITS, new SimulatedClock(NOW));
  const slow = ingestor.judgeClosely(bytes, 0, NOW, origin, traceparent);
  return {
    fast: isTaken ? storedAs(reader) : undefined,
    slow: slow.rejection ?? storedAs(slow),
  };
}

const odd = fc.constantFrom(
  ...['', '\0', '"', '\\', '\n', 'é', '😀', '\u2028', '__proto__', 'a'.repeat(21), '\u007f'],
);
const text = fc.oneof(fc.string({ maxLength: 24 }), odd, fc.constant('shop-7'));
const json = fc.oneof(
  fc.json({ maxDepth: 3 }),
  fc.json({ stringUnit: 'binary', maxDepth: 2 }),
  fc.constantFrom(
    '',
    ' {"a" : [ ] } ',
    '1e5',
    '-0.50',
    '{"a":1}}',
    '[1,]',
    '"\\u0000"',
    '"\\n\\""',
  ),
  fc.constantFrom('{"größe":1}', '"\\ud800"', 'tru', 'nul', '-', '1.', '{"a":1,"a":2}'),
);
const anEvent = fc
  .record({
    eventId: fc.oneof(
      { weight: 8, arbitrary: fc.uuid() },
      fc.uuid().map((id) => id.toUpperCase()),
      odd,
      fc.constant('6f9619ff-8b86-4d01-b42d-00cf4fc964fg'),
    ),
    type: fc.oneof(
      { weight: 8, arbitrary: fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,127}$/) },
      fc.constantFrom('', '1a', 'a b', 'a'.repeat(129), 'ä'),
    ),
    timestamp: fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 946_684_800_000, max: NOW }) },
      fc.constantFrom(0, -1, 946_684_799_999, NOW + 86_400_000, NOW + 86_400_001, 2 ** 53 - 1),
    ),
    data: json.map((each) => Buffer.from(each)),
    dataContentType: fc.constantFrom('', '', '', 'application/json', 'text/plain', 'a/b+json'),
    source: fc.oneof(fc.constant(''), text),
    partitionKey: fc.oneof(fc.constant(''), text),
    schemaVersion: fc.oneof(fc.constant(''), text),
    attributes: fc.array(fc.tuple(text, text), { maxLength: 5 }).map((members) => new Map(members)),
  })
  .map((fields) => Buffer.from(Event.encode(Event.fromPartial(fields)).finish()));

/** A field or an attribute that may be there already. */
const oneMore = fc
  .constantFrom<Partial<Event>>(
    { source: 'b' },
    { type: 'b' },
    { timestamp: NOW },
    { data: Buffer.from('1') },
    { attributes: new Map([['a', '2']]) },
    { attributes: new Map([['', '2']]) },
  )
  .map((fields) => Event.encode(Event.fromPartial(fields)).finish());
const ordinary = Event.encode(
  Event.fromPartial({
    eventId: '6f9619ff-8b86-4d01-b42d-00cf4fc964ff',
    type: 'a',
    timestamp: NOW,
    source: 'a',
    attributes: new Map([['a', '1']]),
  }),
).finish();

/** Whole events, some with fields that come twice, some damaged or cut off. */
const onTheWire = fc.oneof(
  { weight: 6, arbitrary: anEvent },
  fc.tuple(fc.oneof(anEvent, fc.constant(ordinary)), oneMore).map((both) => Buffer.concat(both)),
  fc.tuple(fc.constant(ordinary), fc.integer({ min: 1, max: 3 })).map(([bytes, missing]) => {
    return bytes.subarray(0, bytes.length - missing);
  }),
  fc.tuple(anEvent, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([bytes, at, byte]) => {
    if (bytes.length > 0) bytes[at % bytes.length] = byte;
    return bytes;
  }),
  fc.tuple(anEvent, fc.nat()).map(([bytes, at]) => bytes.subarray(0, at % (bytes.length + 1))),
  fc.uint8Array({ maxLength: 40 }),
);

describe('the fast way of an event', () => {
  it('makes of it what the contract and the validator make of it, or leaves it to them', () => {
    let taken = 0;
    fc.assert(
      fc.property(onTheWire, fc.nat({ max: 3 }), fc.nat({ max: 3 }), (bytes, before, behind) => {
        const { fast, slow } = bothWays(bytes, before, behind);
        if (fast === undefined) return;
        taken += 1;
        expect(fast).toEqual(slow);
      }),
      { numRuns: 20_000 },
    );
    // Or it would prove nothing.
    expect(taken).toBeGreaterThan(500);
  });

  it('does so for who sends it, too, and never takes what they may not send', () => {
    const origin = new EventOrigin('shop', ['a', 'order.*', 'B*']);
    let taken = 0;
    fc.assert(
      fc.property(onTheWire, (bytes) => {
        const { fast, slow } = bothWays(bytes, 0, 0, origin);
        if (fast === undefined) return;
        taken += 1;
        expect(fast).toEqual(slow);
        expect(fast.texts[0]).toMatch(/,"receivedAt":\d+,"principal":"shop"[,}]/);
        expect(fast.texts[0]).toMatch(/"type":"(a|order\..*|B.*)","timestamp/);
      }),
      { numRuns: 20_000 },
    );
    expect(taken).toBeGreaterThan(50);
  });

  it.each([
    ['nothing but the three members', {}],
    ['data', { data: Buffer.from('{"amount":[1,2.5e3,true,null,"größe \\n"]}') }],
    ['data of a media type', { data: Buffer.from('[]'), dataContentType: 'application/json' }],
    [
      'all its fields',
      {
        source: 'shop',
        partitionKey: 'user-1',
        schemaVersion: '2',
        attributes: new Map([
          ['traceparent', '00-1'],
          ['tenant', 'a'],
        ]),
      },
    ],
  ])('is that of an event with %s', (_, more) => {
    const event = Event.fromPartial({
      eventId: '6F9619FF-8b86-4d01-b42d-00cf4fc964ff',
      type: 'order.created',
      timestamp: NOW - 1,
      ...more,
    });
    const { fast, slow } = bothWays(Event.encode(event).finish());
    expect(fast).toEqual(slow);
    // And with the span that received it.
    const span = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;
    const traced = bothWays(Event.encode(event).finish(), 0, 0, undefined, span);
    expect(traced.fast).toEqual(traced.slow);
    expect(traced.fast?.texts[0]).toContain(`,"traceparent":"${span}"`);
    const shop = new EventOrigin('shop', ['*']);
    const named = bothWays(Event.encode(event).finish(), 0, 0, shop, span);
    expect(named.fast).toEqual(named.slow);
    expect(named.fast?.texts[0]).toContain(`,"traceparent":"${span}","principal":"shop"`);
  });

  it('bears the span of its own receipt, not that of another in the same millisecond', () => {
    const reader = new PlainEventReader(LIMITS);
    const texts = ['span-1', '', 'span-2'].map((span) => {
      expect(reader.read(ordinary, 0, ordinary.length, NOW, undefined, span)).toBe(true);
      return storedAs(reader).texts[0];
    });
    expect(texts[0]).toContain(`"receivedAt":${NOW},"traceparent":"span-1","source"`);
    expect(texts[1]).toContain(`"receivedAt":${NOW},"source"`);
    expect(texts[2]).toContain(`"receivedAt":${NOW},"traceparent":"span-2","source"`);
  });

  it('is not that of an event at the edge of what is allowed, one step further', () => {
    const at = (timestamp: number) =>
      Event.encode(
        Event.fromPartial({
          eventId: '6f9619ff-8b86-4d01-b42d-00cf4fc964ff',
          type: 'a',
          timestamp,
        }),
      ).finish();
    expect(bothWays(at(NOW + 86_400_000)).fast).toBeDefined();
    expect(bothWays(at(NOW + 86_400_001)).fast).toBeUndefined();
    expect(bothWays(at(Date.UTC(2000, 0, 1))).fast).toBeDefined();
    expect(bothWays(at(Date.UTC(2000, 0, 1) - 1)).fast).toBeUndefined();
  });
});
