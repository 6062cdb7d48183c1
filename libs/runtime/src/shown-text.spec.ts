import fc from 'fast-check';
import { boundedText, escapeUnprintable, maskCredentials, shownValue } from './shown-text';

describe('escapeUnprintable', () => {
  it('leaves nothing that starts a line, commands a terminal or reorders text', () => {
    expect(escapeUnprintable('a\nb\r\tc\u001b[2J\u009b1m\u2028\u202e\u0000\u007f')).toBe(
      'a\\nb\\r\\tc\\u001b[2J\\u009b1m\\u2028\\u202e\\u0000\\u007f',
    );
  });

  it('leaves every other text as it is', () => {
    expect(escapeUnprintable('Grüße, 世界 🙂 "quoted" \\n')).toBe('Grüße, 世界 🙂 "quoted" \\n');
  });

  it('changes nothing of what a JSON text means', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'binary' }), (json) => {
        expect(JSON.parse(escapeUnprintable(json))).toEqual(JSON.parse(json));
      }),
    );
  });
});

describe('maskCredentials', () => {
  it.each([
    ['redis://user:secret@host:6379/0', 'redis://user:***@host:6379/0'],
    ['redis://:secret@host', 'redis://:***@host'],
    ['redis://:se/c@ret@host', 'redis://:***@host'],
    ['redis://host:6379', 'redis://host:6379'],
    [
      'redis+sentinel://u:p@a:1,b:2/m?sentinelPassword=s%40&x=1',
      'redis+sentinel://u:***@a:1,b:2/m?sentinelPassword=***&x=1',
    ],
    ['a@b:c', 'a@b:c'],
    ['x://u:p@h and y://u:q@h', 'x://u:***@h and y://u:***@h'],
    ['refused: Bearer abc.def-123 is old', 'refused: Bearer *** is old'],
    ['authorization: Bearer abcdef123', 'authorization: Bearer ***'],
    ['{"authorization":"Basic dXNlcjpwYXNz"}', '{"authorization":"Basic ***"}'],
    ['authorization=secret, x=1', 'authorization=***, x=1'],
    ['token eyJhbGciOiJub25l.eyJzdWIiOiJhIn0.c2ln was refused', 'token *** was refused'],
    ['the bearer of this', 'the bearer of this'],
  ])('%s becomes %s', (given, expected) => {
    expect(maskCredentials(given)).toBe(expected);
  });
});

describe('boundedText', () => {
  it('marks a cut, and leaves what fits alone', () => {
    expect(boundedText('abcdef', 6)).toBe('abcdef');
    expect(boundedText('abcdefg', 6)).toBe('abcdef…');
  });

  it('masks a password that the cut would have left without its end', () => {
    const shown = boundedText(`redis://user:${'p'.repeat(500)}@host`, 40);
    expect(shown).toBe('redis://user:***@host');
  });

  it('does not cut a surrogate pair in half', () => {
    expect(boundedText('ab🙂c', 3)).toBe('ab…');
  });
});

describe('shownValue', () => {
  it('is one short line, whatever the value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (value) => {
        const shown = shownValue(value);
        expect(shown).toMatch(/^"\P{Cc}*"$/u);
        expect(shown.length).toBeLessThan(123 * 6);
      }),
    );
  });
});
