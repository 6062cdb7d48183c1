import { SeededRandom } from './seeded-random';

describe('SeededRandom', () => {
  it('repeats itself for the same seed and not for another', () => {
    const draw = (seed: number) => {
      const random = new SeededRandom(seed);
      return [random.next(), random.uuid(), random.next()];
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it('draws numbers from 0 to 1, spread evenly', () => {
    const random = new SeededRandom(1);
    const tenths = new Array<number>(10).fill(0);
    for (let count = 0; count < 10_000; count += 1) {
      const value = random.next();
      expect(value >= 0 && value < 1).toBe(true);
      tenths[Math.floor(value * 10)]! += 1;
    }
    expect(Math.min(...tenths)).toBeGreaterThan(900);
  });

  it('makes different UUIDs of version 4', () => {
    const random = new SeededRandom(1);
    const ids = new Set(Array.from({ length: 1_000 }, () => random.uuid()));
    expect(ids.size).toBe(1_000);
    const v4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    for (const id of ids) expect(id).toMatch(v4);
  });
});
