import { median, quantile, summaryOf } from './statistics';

describe('statistics', () => {
  it('the median is the middle one, whatever the order', () => {
    expect(median([30, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([10, 9, 100])).toBe(10);
    expect(() => median([])).toThrow('nothing');
  });

  it('the spread reaches from the lowest round to the highest', () => {
    expect(summaryOf([5, 3, 9, 4, 4])).toEqual({ median: 4, lowest: 3, highest: 9 });
  });

  it('what is no number is refused, never averaged', () => {
    expect(() => summaryOf([1, Number.NaN])).toThrow('no numbers');
    expect(() => summaryOf([1, Infinity])).toThrow('no numbers');
  });

  it('a quantile is the nearest rank, and leaves the values in their order', () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(quantile(values, 0.99)).toBe(99);
    expect(quantile(values, 0.5)).toBe(50);
    expect(quantile(values, 1)).toBe(100);
    expect(quantile([7], 0.99)).toBe(7);
    expect(values[0]).toBe(100);
    expect(() => quantile([], 0.5)).toThrow('nothing');
  });
});
