import fc from 'fast-check';
import { MAX_BATCH_BYTES, MAX_BATCH_EVENTS } from '../queue';
import { chunkEnds, chunkOverhead, encodeChunk, encodeFreshChunk, EventChunk } from './event-chunk';

/** Any text that UTF-8 can hold: half a surrogate pair it cannot. */
const body = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => `{${text}}`),
  fc.constantFrom('{', '{\0}', '{\u0001\u0002\u0003}', '{\u2028\ufeff😀}', `{${'ä'.repeat(500)}}`),
);
const delivery = fc.record({
  body,
  attempts: fc.nat({ max: 65_535 }),
  crashes: fc.nat({ max: 65_535 }),
  firstFailureAt: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 52 })),
});

describe('a chunk of events', () => {
  it('gives every event back as it was, any part of them too', () => {
    fc.assert(
      fc.property(fc.array(delivery), fc.nat(), fc.nat(), (events, one, other) => {
        const chunk = new EventChunk(encodeChunk(events));
        const from = one % (events.length + 1);
        const to = from + (other % (events.length - from + 1));
        expect(chunk.count).toBe(events.length);
        expect(chunk.deliveries(0, events.length)).toEqual(events);
        expect(chunk.deliveries(from, to)).toEqual(events.slice(from, to));
        const bytes = events.map((event) => Buffer.byteLength(event.body));
        expect(events.map((_, index) => chunk.sizeOf(index))).toEqual(bytes);
      }),
    );
  });

  it('is the same for events that never failed, written the fast way', () => {
    fc.assert(
      fc.property(fc.array(body), (bodies) => {
        const sizes = bodies.map((text) => Buffer.byteLength(text));
        const fresh = bodies.map((text) => {
          return { body: text, attempts: 0, crashes: 0, firstFailureAt: 0 };
        });
        expect(encodeFreshChunk(bodies, sizes).equals(encodeChunk(fresh))).toBe(true);
      }),
    );
  });

  it('is known to be damaged when it was cut off or has bytes too many', () => {
    fc.assert(
      fc.property(fc.array(delivery), fc.integer({ min: -40, max: 40 }), (events, change) => {
        const whole = encodeChunk(events);
        fc.pre(change !== 0 && whole.length + change >= 0);
        const damaged = Buffer.concat([whole, Buffer.alloc(40, 1)]).subarray(
          0,
          whole.length + change,
        );
        expect(() => new EventChunk(damaged)).toThrow(
          expect.objectContaining({ code: 'QUEUE_CORRUPT' }),
        );
      }),
    );
  });

  it('is cut where it is full: every event in one chunk, in order, within the bounds', () => {
    const size = fc.oneof(fc.nat({ max: 2_000 }), fc.nat({ max: 2 * MAX_BATCH_BYTES }));
    fc.assert(
      fc.property(fc.array(size, { maxLength: 1_500, size: 'max' }), (sizes) => {
        let from = 0;
        for (const to of chunkEnds(sizes)) {
          const chunk = sizes.slice(from, to);
          expect(chunk.length).toBeGreaterThan(0);
          expect(chunk.length).toBeLessThanOrEqual(MAX_BATCH_EVENTS);
          const bytes = chunk.reduce((sum, one) => sum + one, 0);
          expect(chunk.length === 1 || bytes <= MAX_BATCH_BYTES).toBe(true);
          from = to;
        }
        expect(from).toBe(sizes.length);
        expect(chunkOverhead(sizes.length)).toBeGreaterThan(0);
      }),
      { numRuns: 15 },
    );
  });
});
