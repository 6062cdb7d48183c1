import fc from 'fast-check';
import { DEFAULT_RETRY_POLICY, backoffCeilingMs, backoffDelayMs } from './retry-policy';

const policies = fc.record({
  baseDelayMs: fc.oneof(fc.nat(100_000), fc.double({ min: 0, max: 100_000, noNaN: true })),
  maxDelayMs: fc.oneof(fc.nat(10_000_000), fc.double({ min: 0, max: 1e7, noNaN: true })),
});
const failures = fc.integer({ min: 1, max: 2_000 });
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('the delay before a retry', () => {
  it('is a whole number from 0 to its ceiling, and never above the maximum', () => {
    fc.assert(
      fc.property(policies, failures, chance, (policy, n, random) => {
        const delay = backoffDelayMs(policy, n, random);
        expect(Number.isInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(backoffCeilingMs(policy, n));
        expect(delay).toBeLessThanOrEqual(policy.maxDelayMs);
      }),
    );
  });

  it('has a ceiling that never falls from one failure to the next, and at most doubles', () => {
    fc.assert(
      fc.property(policies, failures, (policy, n) => {
        const [now, next] = [backoffCeilingMs(policy, n), backoffCeilingMs(policy, n + 1)];
        expect(next).toBeGreaterThanOrEqual(now);
        expect(next).toBeLessThanOrEqual(2 * now + 1);
      }),
    );
  });

  it('uses all of the span up to the ceiling', () => {
    fc.assert(
      fc.property(policies, failures, (policy, n) => {
        expect(backoffDelayMs(policy, n, 0)).toBe(0);
        expect(backoffDelayMs(policy, n, 1 - 2 ** -53)).toBe(backoffCeilingMs(policy, n));
      }),
    );
  });

  it('goes from 200 ms to a minute by default', () => {
    const ceilings = [1, 2, 3, 9, 10, 1_000].map((n) => backoffCeilingMs(DEFAULT_RETRY_POLICY, n));
    expect(ceilings).toEqual([200, 400, 800, 51_200, 60_000, 60_000]);
  });
});
