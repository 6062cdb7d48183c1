import fc from 'fast-check';
import { packEvents } from './packed-events';

/** Read by the rules of MessagePack, for the two forms that there are. */
function unpacked(bytes: Buffer): string[] {
  expect(bytes[0]).toBe(0xdd);
  const texts: string[] = [];
  let at = 5;
  for (let i = 0; i < bytes.readUInt32BE(1); i++) {
    expect(bytes[at]).toBe(0xdb);
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    texts.push(bytes.toString('utf8', at + 5, end));
    at = end;
  }
  expect(at).toBe(bytes.length);
  return texts;
}

describe('the events of a batch in one argument', () => {
  it('are an array of their texts, whatever these are', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('', '\0', 'é', '\u2028😀'),
    );
    fc.assert(
      fc.property(fc.array(text), (bodies) => {
        // What has no form in UTF-8 is replaced, as everywhere on the way to Redis.
        const sent = bodies.map((body) => Buffer.from(body).toString());
        expect(unpacked(packEvents(bodies))).toEqual(sent);
      }),
    );
  });

  it('stay what they are when the next batch is packed', () => {
    const first = packEvents(['{"a":1}', 'x'.repeat(200_000)]);
    packEvents(['y'.repeat(400_000)]);
    expect(unpacked(first)).toEqual(['{"a":1}', 'x'.repeat(200_000)]);
  });
});
