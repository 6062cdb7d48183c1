import fc from 'fast-check';
import { LatencyHistogram } from './latency-histogram';

describe('the latency histogram', () => {
  const of = (samples: readonly number[]) => {
    const histogram = new LatencyHistogram();
    for (const sample of samples) histogram.record(sample);
    return histogram;
  };

  it('knows no quantile without samples', () => {
    expect(of([]).quantile(0.5)).toBeUndefined();
  });

  it('finds any quantile within 1 % of the true one, from a microsecond to an hour', () => {
    const latency = fc.double({ min: 0.001, max: 3_600_000, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(latency, { minLength: 1, maxLength: 300 }),
        fc.constantFrom(0, 0.5, 0.9, 0.99, 1),
        (samples, q) => {
          const sorted = [...samples].sort((a, b) => a - b);
          const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1]!;
          const found = of(samples).quantile(q)!;
          expect(Math.abs(found - exact)).toBeLessThanOrEqual(exact * 0.01 + 0.001);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('takes what is out of range as the nearest it knows', () => {
    expect(of([-5]).quantile(1)).toBe(0);
    expect(of([1e12]).quantile(1)).toBeGreaterThan(4_000_000);
    expect(of([1e12, 1]).samples).toBe(2);
  });
});
