import fc from 'fast-check';
import { jsonLike, NOT_JSON } from '../testing/json-like';
import { JsonLook, lookAtJson } from './plain-json';
import { MAX_JSON_DEPTH, problemOfJson } from './storable-json';

const look = (text: string) => {
  const bytes = Buffer.from(text);
  // Surrounded by what would go on with it.
  const padded = Buffer.concat([Buffer.from('["'), bytes, Buffer.from('0"]}')]);
  return lookAtJson(padded, 2, 2 + bytes.length);
};

describe('a quick look at JSON', () => {
  it('accepts nothing that the close look refuses, and is unsure of escapes by number only', () => {
    fc.assert(
      fc.property(jsonLike, (text) => {
        const isStorable = problemOfJson(Buffer.from(text)) === undefined;
        const isPlain = isStorable && !text.includes('\\u');
        const isAscii = Buffer.byteLength(text) === text.length;
        const expected = isAscii ? JsonLook.Ascii : JsonLook.NeedsUtf8;
        if (!isStorable)
          expect({ text, look: look(text) }).toEqual({ text, look: JsonLook.Unsure });
        if (isPlain) expect({ text, look: look(text) }).toEqual({ text, look: expected });
      }),
      { numRuns: 20_000 },
    );
  });

  it.each(NOT_JSON)('is unsure of %j', (text) => {
    expect(look(text)).toBe(JsonLook.Unsure);
  });

  it('is unsure of what is nested too deeply, and of nothing less', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(look(nested(MAX_JSON_DEPTH))).toBe(JsonLook.Ascii);
    expect(look(nested(MAX_JSON_DEPTH + 1))).toBe(JsonLook.Unsure);
  });
});
