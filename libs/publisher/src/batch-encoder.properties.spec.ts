import fc from 'fast-check';
import { Event, PublishEventsRequest } from '@event-pipeline/contracts';
import { BatchEncoder, measureEvent } from './batch-encoder';
import type { PublishableEvent } from './publishable-event';

const defaults = { now: () => 1_750_000_000_123, newId: () => 'made' };
const text = fc.string({ unit: 'binary', maxLength: 300 });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const anyEvent: fc.Arbitrary<PublishableEvent> = fc.record({
  type: text,
  eventId: maybe(text),
  timestamp: maybe(fc.oneof(fc.maxSafeInteger(), fc.nat())),
  data: maybe(fc.uint8Array({ maxLength: 400 })),
  dataContentType: maybe(text),
  attributes: maybe(fc.array(fc.tuple(text, text)).map((entries) => new Map(entries))),
  source: maybe(text),
  partitionKey: maybe(text),
  schemaVersion: maybe(text),
});

/** As the generated code has it. */
const plain = (event: PublishableEvent): Event => ({
  eventId: event.eventId ?? 'made',
  type: event.type,
  timestamp: (event.timestamp as number | undefined) ?? defaults.now(),
  data: Buffer.from((event.data as Uint8Array | undefined) ?? []),
  dataContentType: event.dataContentType ?? '',
  attributes: new Map((event.attributes as Map<string, string> | undefined) ?? []),
  source: event.source ?? '',
  partitionKey: event.partitionKey ?? '',
  schemaVersion: event.schemaVersion ?? '',
});

describe('the encoder of requests', () => {
  it('writes what the generated decoder reads as the same events, at the size that was measured', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 20 }), (events) => {
        const encoder = new BatchEncoder('0b9f4f0e-53a5-4a0c-b1c0-0a6f8a3f5a11');
        for (const event of events) {
          const before = encoder.bytes;
          const measured = measureEvent(event, defaults);
          encoder.add(measured);
          expect(encoder.bytes - before).toBe(measured.bytes);
        }
        const bytes = encoder.finish();
        const read = PublishEventsRequest.decode(bytes);
        expect(read.batchId).toBe(encoder.batchId);
        expect(read.events).toEqual(events.map(plain));
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['a Date', { timestamp: new Date(5) }, { timestamp: 5 }],
    ['a value as JSON', { data: { a: [1, null] } }, { data: Buffer.from('{"a":[1,null]}') }],
    ['a string as JSON', { data: 'x' }, { data: Buffer.from('"x"') }],
    [
      'the text of another media type',
      { data: 'x', dataContentType: 'text/plain' },
      { data: Buffer.from('x'), dataContentType: 'text/plain' },
    ],
    [
      'attributes as an object',
      { attributes: { ['__proto__x']: 'y' } },
      { attributes: new Map([['__proto__x', 'y']]) },
    ],
  ])('takes %s', (_name, given, expected) => {
    const encoder = new BatchEncoder('0b9f4f0e-53a5-4a0c-b1c0-0a6f8a3f5a11');
    encoder.add(measureEvent({ type: 'a', ...given }, defaults));
    const [event] = PublishEventsRequest.decode(encoder.finish()).events;
    expect(event).toMatchObject(expected);
  });

  it('knows every field of an event that the contract has', () => {
    expect(Object.keys(Event.create()).sort()).toEqual(Object.keys(plain({ type: 'a' })).sort());
  });
});
