import fc from 'fast-check';
import { partitionOf } from './partition-of';
import { MAX_PARTITIONS } from './partitioning';

const keys = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '__proto__', '\0', '\ud800', '\u2028', 'x'.repeat(10_000)),
);
const counts = fc.integer({ min: 1, max: MAX_PARTITIONS });

describe('the partition of a key', () => {
  it('is one of those there are, and the same each time, whatever the key', () => {
    fc.assert(
      fc.property(keys, counts, (key, count) => {
        const partition = partitionOf(key, count);
        expect(Number.isInteger(partition)).toBe(true);
        expect(partition).toBeGreaterThanOrEqual(0);
        expect(partition).toBeLessThan(count);
        expect(partitionOf(key, count)).toBe(partition);
      }),
    );
  });

  it('stays where partitions are added, or becomes one of the new ones', () => {
    fc.assert(
      fc.property(keys, counts, counts, (key, one, other) => {
        const [before, after] = [Math.min(one, other), Math.max(one, other)];
        const moved = partitionOf(key, after);
        if (moved < before) expect(moved).toBe(partitionOf(key, before));
      }),
    );
  });
});
