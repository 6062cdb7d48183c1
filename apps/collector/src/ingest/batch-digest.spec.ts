import fc from 'fast-check';
import { Event } from '@event-pipeline/contracts';
import { digestOf } from './batch-digest';
import { readBatchFrame } from './batch-frame';

const encoded = (...attributes: [string, string][]) =>
  Event.encode(
    Event.fromPartial({ eventId: 'e', type: 't', source: 's', attributes: new Map(attributes) }),
  ).finish();

/** A field of a request: its tag and length, then its bytes. */
const field = (tag: number, bytes: Uint8Array, lengthBytes = 5) => {
  const length = Array.from({ length: lengthBytes }, (_, i) => {
    const part = Math.floor(bytes.length / 0x80 ** i) % 0x80;
    return i < lengthBytes - 1 ? part | 0x80 : part;
  });
  return Buffer.concat([Uint8Array.of(tag), Uint8Array.from(length), bytes]);
};
const lengthOf = (bytes: Uint8Array) => (bytes.length < 0x80 ? 1 : bytes.length < 0x4000 ? 2 : 3);
const asWritten = (events: readonly Uint8Array[]) =>
  Buffer.concat(events.map((event) => field(0x12, event, lengthOf(event))));
const digestOfRequest = (request: Uint8Array) => digestOf(readBatchFrame(request, 100));
const digest = (events: readonly Uint8Array[]) => digestOfRequest(asWritten(events));

describe('the digest of a batch', () => {
  it('is the same however the request is written around its events', () => {
    const events = fc.array(fc.oneof(fc.uint8Array(), fc.constant(encoded(['a', '1']))));
    const between = fc.constantFrom(
      Buffer.alloc(0),
      field(0x0a, Buffer.from('an id'), 1),
      field(0x7a, Buffer.from('from later'), 1),
    );
    fc.assert(
      fc.property(events, fc.array(between), fc.nat({ max: 2 }), (all, others, longer) => {
        const request = all.map((event, i) =>
          Buffer.concat([
            others[i] ?? Buffer.alloc(0),
            field(0x12, event, lengthOf(event) + longer),
          ]),
        );
        expect(digestOfRequest(Buffer.concat(request))).toBe(digest(all));
      }),
    );
  });

  it('is the same whatever the order of attributes on the wire', () => {
    const one = encoded(['a', '1'], ['b', '2'], ['c', '3']);
    const other = encoded(['c', '3'], ['a', '1'], ['b', '2']);
    expect(one).not.toEqual(other);
    expect(digest([one])).toBe(digest([other]));
  });

  it.each([
    ['another attribute', [encoded(['a', '1'], ['b', '3'])]],
    ['an attribute less', [encoded(['a', '1'])]],
    ['an event more', [encoded(['a', '1'], ['b', '2']), encoded()]],
    ['an empty event more', [encoded(['a', '1'], ['b', '2']), new Uint8Array(0)]],
    ['nothing', []],
    ['bytes that are no event', [Buffer.from('ffff', 'hex')]],
  ])('is another one for %s', (_, events) => {
    expect(digest(events)).not.toBe(digest([encoded(['a', '1'], ['b', '2'])]));
  });

  it('tells the order of events, and where one ends and the next begins', () => {
    const [a, b] = [encoded(['a', '1']), encoded(['b', '2'])];
    expect(digest([a, b])).not.toBe(digest([b, a]));
    expect(digest([Buffer.concat([a, b])])).not.toBe(digest([a, b]));
  });
});
