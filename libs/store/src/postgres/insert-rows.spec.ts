import { storable, storables } from '../testing/store-under-test';
import { insertRows } from './insert-rows';

const MI = 1_048_576;

describe('the statements that insert a batch', () => {
  async function sizesOf(events: ReturnType<typeof storables>): Promise<number[]> {
    const sizes: number[] = [];
    const outcomes = await insertRows(events, (rows) => {
      sizes.push(rows.reduce((sum, { body }) => sum + body.length, 0));
      return Promise.resolve(new Set(rows.map(({ id }) => id)));
    });
    expect(outcomes).toEqual(events.map(() => 'stored'));
    return sizes;
  }

  it('hold 16 Mi characters of bodies each, at most', async () => {
    const body = 'x'.repeat(6 * MI);
    const sizes = await sizesOf(storables(5, { body }));
    expect(sizes).toEqual([12 * MI, 12 * MI, 6 * MI]);
  });

  it('hold a larger body alone, and a small batch whole', async () => {
    const large = storable({ body: 'x'.repeat(20 * MI) });
    const small = storables(2, { body: 'x' });
    expect(await sizesOf([small[0]!, large, small[1]!])).toEqual([1, 20 * MI, 1]);
    expect(await sizesOf(storables(1_000, { body: 'x' }))).toEqual([1_000]);
  });
});
