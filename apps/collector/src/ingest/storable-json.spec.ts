import fc from 'fast-check';
import { problemOfJson } from './storable-json';

/** What the scanner has to find, said the slow way: parse, then look at every text. */
function containsUnstorable(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\0') || /\p{Surrogate}/u.test(value);
  if (Array.isArray(value)) return value.some(containsUnstorable);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).flat().some(containsUnstorable);
}

describe('JSON that every database stores', () => {
  it.each([
    ['{}', undefined],
    ['"\\u0001"', undefined],
    ['"\\\\u0000"', undefined],
    ['"\\ud83d\\ude00"', undefined],
    ['"\\uD83D\\uDE00 \\" \\u00e9"', undefined],
    ['"\\u0000"', 'data contains U+0000'],
    ['{"\\u0000":1}', 'data contains U+0000'],
    ['"\\\\\\u0000"', 'data contains U+0000'],
    ['"\\ud83d"', 'data contains a lone surrogate'],
    ['"\\ud83dx"', 'data contains a lone surrogate'],
    ['"\\ude00"', 'data contains a lone surrogate'],
    ['"\\ud83d\\ud83d\\ude00"', 'data contains a lone surrogate'],
    ['"\\ud83d\\u0041"', 'data contains a lone surrogate'],
  ])('%s: %s', (text, problem) => {
    expect(problemOfJson(text)).toBe(problem);
  });

  it.each(['', '{', 'undefined', "{'a':1}", '{"a":1,}', '1 2', '\u00a0{}'])(
    'refuses %j',
    (text) => {
      expect(problemOfJson(text)).toMatch(/not valid JSON/);
    },
  );

  it('finds exactly what a look at every parsed text finds', () => {
    const escape = fc
      .constantFrom('u0000', 'ud800', 'udbff', 'udc00', 'uDFFF', 'u0041', '\\', '"', 'n')
      .map((escaped) => `\\${escaped}`);
    const text = fc
      .array(fc.oneof(escape, fc.constantFrom('a', 'u0000', 'é', '😀')), { maxLength: 8 })
      .map((parts) => `{"${parts.join('')}":["${parts.join('')}"]}`);
    fc.assert(
      fc.property(text, (json) => {
        expect(problemOfJson(json) !== undefined).toBe(containsUnstorable(JSON.parse(json)));
      }),
      { numRuns: 1_000 },
    );
  });
});
