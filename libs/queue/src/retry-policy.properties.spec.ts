import fc from 'fast-check';
import { backoffDelayMs } from './retry-policy';

const policies = fc.record({
  maxAttempts: fc.integer({ min: 1, max: 1_000 }),
  baseDelayMs: fc.integer({ min: 1, max: 3_600_000 }),
  maxDelayMs: fc.integer({ min: 1, max: 7 * 86_400_000 }),
});
const failures = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 2 ** 31 }));
const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('the wait before a retry', () => {
  it('is a whole number from 0 to the limit, after however many failures', () => {
    fc.assert(
      fc.property(policies, failures, randoms, (policy, count, random) => {
        const delay = backoffDelayMs(policy, count, random);
        expect(Number.isSafeInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(policy.maxDelayMs);
        expect(delay).toBeLessThanOrEqual(policy.baseDelayMs * 2 ** (count - 1));
      }),
    );
  });

  it('may be any from 0 up to twice the one before, until the limit', () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 30 }), (policy, count) => {
        const longest = (failed: number) => backoffDelayMs(policy, failed, 1 - Number.EPSILON / 2);
        expect(backoffDelayMs(policy, count, 0)).toBe(0);
        expect(longest(count + 1)).toBe(Math.min(policy.maxDelayMs, 2 * longest(count)));
      }),
    );
  });

  it('never shrinks with more failures or a larger draw', () => {
    fc.assert(
      fc.property(policies, failures, randoms, randoms, (policy, count, one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        expect(backoffDelayMs(policy, count, low)).toBeLessThanOrEqual(
          backoffDelayMs(policy, count, high),
        );
        expect(backoffDelayMs(policy, count, low)).toBeLessThanOrEqual(
          backoffDelayMs(policy, count + 1, low),
        );
      }),
    );
  });
});
