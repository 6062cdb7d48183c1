import fc from 'fast-check';
import { jsonLike, NOT_JSON } from '../testing/json-like';
import { MAX_JSON_DEPTH, problemOfJson } from './storable-json';

const problemOf = (text: string) => problemOfJson(Buffer.from(text));

/** The same said the slow and obvious way: parse, then look at every text. */
function isStorable(text: string): boolean {
  try {
    return !containsUnstorable(JSON.parse(text));
  } catch {
    return false;
  }
}

function containsUnstorable(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\0') || /\p{Surrogate}/u.test(value);
  if (Array.isArray(value)) return value.some(containsUnstorable);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).flat().some(containsUnstorable);
}

describe('JSON that every database stores', () => {
  it.each([
    ['{}', undefined],
    [' { "a" : [ 1 , -0.5e+10 , true , null ] , "b" : { } } ', undefined],
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
    expect(problemOf(text)).toBe(problem);
  });

  it.each(NOT_JSON)('refuses %j', (text) => {
    expect(problemOf(text)).toMatch(/not valid JSON/);
  });

  it('refuses what is nested too deeply, and nothing less', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(problemOf(nested(MAX_JSON_DEPTH + 1))).toBeUndefined();
    expect(problemOf(`${'['.repeat(MAX_JSON_DEPTH + 1)}1`)).toMatch(/nested deeper/);
    expect(problemOf('{"a":'.repeat(100_000))).toMatch(/nested deeper/);
  });

  it('accepts exactly what a parser and a look at every text accept', () => {
    fc.assert(
      fc.property(jsonLike, (text) => {
        expect({ text, storable: problemOf(text) === undefined }).toEqual({
          text,
          storable: isStorable(text),
        });
      }),
      { numRuns: 5_000 },
    );
  });
});
