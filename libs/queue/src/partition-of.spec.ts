import { SeededRandom } from '@event-pipeline/runtime/testing';
import { partitionOf } from './partition-of';

const KEYS = 20_000;
const random = new SeededRandom(7);
const keys = Array.from({ length: KEYS }, () => random.uuid());

describe('partitionOf', () => {
  it('gives a key the partition it has always had', () => {
    const golden = ['', 'a', 'customer-17', 'Grüße', '0b9f4f0e-53a5-4a0c-b1c0-0a6f8a3f5a11'];
    expect(golden.map((key) => [2, 3, 6, 64].map((count) => partitionOf(key, count)))).toEqual([
      [0, 0, 0, 62],
      [0, 2, 5, 61],
      [1, 1, 5, 32],
      [0, 0, 3, 48],
      [1, 1, 1, 61],
    ]);
  });

  it.each([1, 2, 3, 5, 16, 64])('spreads keys evenly over %i partitions', (count) => {
    const filled = new Array<number>(count).fill(0);
    for (const key of keys) filled[partitionOf(key, count)]! += 1;
    const fair = KEYS / count;
    // Six standard deviations of a fair draw.
    for (const events of filled) expect(Math.abs(events - fair)).toBeLessThan(6 * Math.sqrt(fair));
  });

  it('spreads keys that differ in their last character only', () => {
    const near = Array.from({ length: 1_000 }, (_, i) => `customer-${i}`);
    const filled = new Array<number>(4).fill(0);
    for (const key of near) filled[partitionOf(key, 4)]! += 1;
    for (const events of filled) expect(Math.abs(events - 250)).toBeLessThan(6 * Math.sqrt(250));
  });

  it.each([
    [1, 2],
    [3, 4],
    [4, 16],
  ])('moves keys only to new partitions where %i become %i', (before, after) => {
    const moved = keys
      .filter((key) => partitionOf(key, before) !== partitionOf(key, after))
      .map((key) => partitionOf(key, after));
    const fair = KEYS * (1 - before / after);
    expect(Math.abs(moved.length - fair)).toBeLessThan(6 * Math.sqrt(fair));
    expect(Math.min(...moved)).toBe(before);
  });
});
