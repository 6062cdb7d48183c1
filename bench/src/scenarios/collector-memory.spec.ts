import { growthOf } from './collector-memory';

describe('the growth of a course over time', () => {
  it('is that of the last fifth against the second one: the start is not held against it', () => {
    expect(growthOf([10, 20, 100, 100, 100, 100, 100, 100, 110, 110])).toBeCloseTo(10);
    expect(growthOf(Array.from({ length: 50 }, (_, i) => (i < 10 ? i : 100)))).toBe(0);
  });
});
