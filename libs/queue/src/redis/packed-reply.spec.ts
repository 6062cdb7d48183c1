import fc from 'fast-check';
import { PackedEvents } from '../packed-events';
import { unpackTexts } from './packed-reply';

/** As Redis packs it: each length in the shortest form. */
function packed(texts: readonly string[]): Buffer {
  const { length } = texts;
  const array = length < 16 ? [0x90 | length] : [0xdc, length >> 8, length & 0xff];
  const parts = texts.map((text) => {
    const bytes = Buffer.from(text);
    const size = Buffer.alloc(4);
    size.writeUInt32BE(bytes.length);
    if (bytes.length < 32) return Buffer.concat([Buffer.of(0xa0 | bytes.length), bytes]);
    if (bytes.length < 256) return Buffer.concat([Buffer.of(0xd9), size.subarray(3), bytes]);
    if (bytes.length < 65_536) return Buffer.concat([Buffer.of(0xda), size.subarray(2), bytes]);
    return Buffer.concat([Buffer.of(0xdb), size, bytes]);
  });
  return Buffer.concat([Buffer.from(array), ...parts]);
}

const SIZES = [0, 1, 31, 32, 255, 256, 65_535, 65_536, 200_000];

describe('texts that a script has packed', () => {
  it('are read as they were, whatever they contain', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', '\0', 'é', '😀'));
    fc.assert(
      fc.property(fc.array(text, { maxLength: 40 }), (texts) => {
        const sent = texts.map((each) => Buffer.from(each).toString());
        expect(unpackTexts(packed(texts))).toEqual(sent);
      }),
    );
  });

  it.each(SIZES)('are read at a length of %d, in every form of a length', (size) => {
    const texts = ['x'.repeat(size), 'y'];
    expect(unpackTexts(packed(texts))).toEqual(texts);
    const events = [`{${'x'.repeat(size)}`, '{'];
    expect(unpackTexts(PackedEvents.of(events).encoded)).toEqual(events);
  });

  it('are none in an empty reply', () => {
    expect(unpackTexts(Buffer.alloc(0))).toEqual([]);
  });

  it('are refused where they end early, or something follows them, or they are none', () => {
    const bytes = packed(['x'.repeat(40), 'y'.repeat(300)]);
    for (let end = 1; end < bytes.length; end++) {
      expect(() => unpackTexts(bytes.subarray(0, end))).toThrow('packed texts');
    }
    expect(() => unpackTexts(Buffer.concat([bytes, Buffer.of(0)]))).toThrow('packed texts');
    expect(() => unpackTexts(Buffer.of(0x91, 0x05))).toThrow('packed texts');
    expect(() => unpackTexts(Buffer.of(0x05))).toThrow('packed texts');
  });
});
