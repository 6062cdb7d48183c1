import { storable, storables } from '../testing/store-under-test';
import type { StorableEvent } from '../event-store';
import { insertRows } from './insert-rows';
import { StatementSize } from './statement-size';

const MI = 1_048_576;

describe('the statements that insert a batch', () => {
  async function sizesOf(events: ReturnType<typeof storables>): Promise<number[]> {
    const sizes: number[] = [];
    const insert = (rows: readonly StorableEvent[]) => {
      sizes.push(rows.reduce((sum, { body }) => sum + body.length, 0));
      return Promise.resolve(new Set(rows.map(({ id }) => id)));
    };
    const outcomes = await insertRows(events, insert, new StatementSize(1_000));
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

  it('hold fewer rows from call to call while none is answered in time, then more again', async () => {
    const size = new StatementSize(1_000);
    const events = storables(800);
    let sizes: number[] = [];
    let largest = 120;
    const insert = (rows: readonly StorableEvent[]) => {
      sizes.push(rows.length);
      if (rows.length > largest) return Promise.reject(new Error('Query read timeout'));
      return Promise.resolve(new Set(rows.map(({ id }) => id)));
    };
    const call = () => insertRows(events, insert, size);
    for (const tried of [800, 400, 200]) {
      sizes = [];
      await expect(call()).rejects.toThrow('Query read timeout');
      expect(sizes).toEqual([tried]);
    }
    sizes = [];
    expect(await call()).toHaveLength(800);
    expect(sizes).toEqual(Array<number>(8).fill(100));
    largest = 1_000;
    for (let n = 0; n < 20; n += 1) await call();
    sizes = [];
    await call();
    expect(sizes).toEqual([800]);
  });
});
