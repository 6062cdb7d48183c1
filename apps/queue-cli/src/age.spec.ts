import { formatAge, parseAge } from './age';

describe('an age', () => {
  it.each([
    ['90s', 90_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['3d', 259_200_000],
    ['0s', 0],
  ])('%s is read', (text, ms) => expect(parseAge(text)).toBe(ms));

  it.each(['', '5', 'm', '-5m', '5 m', '5w', '1.5h', '5m5s', '9999999d'])(
    '"%s" is none',
    (text) => {
      expect(parseAge(text)).toBeUndefined();
    },
  );

  it.each([
    [0, '0s'],
    [-5, '0s'],
    [59_400, '59s'],
    [61_000, '1m 1s'],
    [3_600_000, '1h'],
    [100_000_000, '1d 3h'],
    [86_400_000 * 400, '400d'],
  ])('of %d ms is shown in its two largest units', (ms, text) => {
    expect(formatAge(ms)).toBe(text);
  });
});
