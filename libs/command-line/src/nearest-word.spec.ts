import fc from 'fast-check';
import { nearestWord } from './nearest-word';

const WORDS = ['reason', 'older-than', 'newer-than', 'json', 'limit', 'help'] as const;

describe('the nearest word', () => {
  it.each([
    ['rson', 'json'],
    ['reson', 'reason'],
    ['raeson', 'reason'],
    ['reasons', 'reason'],
    ['older-then', 'older-than'],
    ['oder-than', 'older-than'],
    ['JSON', 'json'],
    ['jsn', 'json'],
    ['old', 'older-than'],
    ['colour', undefined],
    ['x', undefined],
    ['', undefined],
  ])('of %p is %p', (word, expected) => expect(nearestWord(word, WORDS)).toBe(expected));

  it('is the word itself, and that of a word with one letter wrong', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...WORDS.filter((word) => word.length > 3)),
        fc.nat(),
        (word, n) => {
          expect(nearestWord(word, WORDS)).toBe(word);
          const at = n % word.length;
          expect(nearestWord(`${word.slice(0, at)}#${word.slice(at + 1)}`, WORDS)).toBe(word);
          expect(nearestWord(word.slice(0, at) + word.slice(at + 1), WORDS)).toBe(word);
        },
      ),
    );
  });

  it('is not looked for in what nobody has typed', () => {
    expect(nearestWord('x'.repeat(1_000_000), WORDS)).toBeUndefined();
  });
});
