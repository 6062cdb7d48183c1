import { Event } from '@event-pipeline/contracts';
import { digestOf } from './batch-digest';

const encoded = (...attributes: [string, string][]) =>
  Event.encode(
    Event.fromPartial({ eventId: 'e', type: 't', source: 's', attributes: new Map(attributes) }),
  ).finish();

describe('the digest of a batch', () => {
  it('is the same whatever the order of attributes on the wire', () => {
    const one = encoded(['a', '1'], ['b', '2'], ['c', '3']);
    const other = encoded(['c', '3'], ['a', '1'], ['b', '2']);
    expect(one).not.toEqual(other);
    expect(digestOf([one])).toBe(digestOf([other]));
  });

  it.each([
    ['another attribute', [encoded(['a', '1'], ['b', '3'])]],
    ['an attribute less', [encoded(['a', '1'])]],
    ['an event more', [encoded(['a', '1'], ['b', '2']), encoded()]],
    ['an empty event more', [encoded(['a', '1'], ['b', '2']), new Uint8Array(0)]],
    ['nothing', []],
    ['bytes that are no event', [Buffer.from('ffff', 'hex')]],
  ])('is another one for %s', (_, events) => {
    expect(digestOf(events)).not.toBe(digestOf([encoded(['a', '1'], ['b', '2'])]));
  });

  it('tells the order of events, and where one ends and the next begins', () => {
    const [a, b] = [encoded(['a', '1']), encoded(['b', '2'])];
    expect(digestOf([a, b])).not.toBe(digestOf([b, a]));
    expect(digestOf([Buffer.concat([a, b])])).not.toBe(digestOf([a, b]));
  });
});
