import fc from 'fast-check';
import { EventPacker, PackedEvents } from './packed-events';

/** Read by the rules of MessagePack, for the two forms that there are. */
function unpacked({ encoded, length }: PackedEvents): string[] {
  expect(encoded[0]).toBe(0xdd);
  expect(encoded.readUInt32BE(1)).toBe(length);
  const texts: string[] = [];
  let at = 5;
  for (let i = 0; i < length; i++) {
    expect(encoded[at]).toBe(0xdb);
    const end = at + 5 + encoded.readUInt32BE(at + 1);
    texts.push(encoded.toString('utf8', at + 5, end));
    at = end;
  }
  expect(at).toBe(encoded.length);
  return texts;
}

const texts = fc.array(
  fc
    .oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', '\0', 'é', '\u2028😀'))
    .map((text) => `{${text}`),
);

describe('the packed events of a batch', () => {
  it('are a MessagePack array of their texts, whatever these are', () => {
    fc.assert(
      fc.property(texts, (bodies) => {
        // What has no form in UTF-8 is replaced, as everywhere on the way to an engine.
        const sent = bodies.map((body) => Buffer.from(body).toString());
        const packed = PackedEvents.of(bodies);
        expect(unpacked(packed)).toEqual(sent);
        expect(packed.texts()).toEqual(sent);
        expect(packed.bytes).toBe(Buffer.byteLength(sent.join('')));
      }),
    );
  });

  it('are the same, whether they came as texts or as bytes', () => {
    fc.assert(
      fc.property(texts, (bodies) => {
        const packer = new EventPacker();
        for (const body of bodies) {
          const bytes = Buffer.from(`12${body}34`);
          packer.addBytes(bytes, 2, bytes.length - 2);
        }
        expect(packer.take().encoded).toEqual(PackedEvents.of(bodies).encoded);
      }),
    );
  });

  it('stay what they are when the next batch is packed', () => {
    const long = `{${'x'.repeat(200_000)}`;
    const first = PackedEvents.of(['{"a":1}', long]);
    PackedEvents.of([`{${'y'.repeat(6_000_000)}`]);
    expect(unpacked(first)).toEqual(['{"a":1}', long]);
  });

  it('take no text that is no event, and lose nothing by it', () => {
    const packer = new EventPacker();
    packer.add('{"a":1}');
    for (const text of ['', '[1]', ' {}']) {
      expect(() => packer.add(text)).toThrow(/does not begin with "{"/);
      expect(() => packer.addBytes(Buffer.from(text), 0, text.length)).toThrow(/does not begin/);
    }
    packer.add('{"b":2}');
    expect(packer.take().texts()).toEqual(['{"a":1}', '{"b":2}']);
    expect(() => PackedEvents.of(['{}', 'x'])).toThrow(/does not begin/);
    expect(PackedEvents.of(['{"c":3}']).texts()).toEqual(['{"c":3}']);
  });
});
