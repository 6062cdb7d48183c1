import { followCount, rateAfter } from './drain-meter';

describe('the rate of a drain', () => {
  it('is taken from the end of the warm-up to the last event', () => {
    const counts = [
      { ms: 0, count: 0 },
      { ms: 5_000, count: 40 },
      { ms: 6_000, count: 100 },
      { ms: 8_000, count: 1_100 },
    ];
    expect(rateAfter(50, counts)).toBe(500);
    expect(rateAfter(0, counts)).toBeCloseTo(1_060 / 3);
  });

  it('is refused where it was over between two looks, or more came out than went in', async () => {
    expect(() =>
      rateAfter(50, [
        { ms: 0, count: 0 },
        { ms: 9, count: 1_000 },
      ]),
    ).toThrow('--scale');
    expect(() => rateAfter(50, [])).toThrow('--scale');
    await expect(followCount(() => Promise.resolve(11), 10)).rejects.toThrow('11 events');
  });
});
