import { storable, storables, withStore, type CreateStoreUnderTest } from '../store-under-test';

export function describeConcurrencyContract(create: CreateStoreUnderTest): void {
  describe('several users', () => {
    it(
      'store what all of them have once, in whatever order each has it',
      withStore(create, async ({ store, openAnother, count }) => {
        const others = await Promise.all([openAnother(), openAnother(), openAnother()]);
        const events = storables(300);
        let stored = 0;
        let duplicates = 0;
        const orders = [events, events.toReversed(), events.slice(100), events.slice(0, 200)];
        for (const result of await Promise.all(
          [store, ...others].map((each, i) => each.put(orders[i]!)),
        )) {
          expect(result).toMatchObject({ conflicts: [], refused: [] });
          stored += result.stored;
          duplicates += result.duplicates;
        }
        expect({ stored, duplicates }).toEqual({ stored: 300, duplicates: 700 });
        expect(await count()).toBe(300);
      }),
    );

    it(
      'agree on one content when they bring different ones at once',
      withStore(create, async ({ store, openAnother, bodyOf }) => {
        const stores = [store, await openAnother(), await openAnother()];
        const { id } = storable();
        const versions = stores.map((_, i) => storable({ id, data: `{"from":${i}}` }));
        const results = await Promise.all(stores.map((each, i) => each.put([versions[i]!])));
        expect(results.filter(({ stored }) => stored === 1)).toHaveLength(1);
        expect(results.filter(({ conflicts }) => conflicts.length === 1)).toHaveLength(2);
        const winner = results.findIndex(({ stored }) => stored === 1);
        expect(await bodyOf(id)).toBe(versions[winner]!.body);
      }),
    );

    it(
      'see what another one has stored, also after that one has closed',
      withStore(create, async ({ store, openAnother }) => {
        const event = storable();
        await store.put([event]);
        await store.close();
        await store.close();
        const other = await openAnother();
        expect(await other.contains([event.id])).toEqual([true]);
        expect(await other.put([event])).toMatchObject({ stored: 0, duplicates: 1 });
      }),
    );

    it(
      'say what they are and that it is durable',
      withStore(create, async ({ store }) => {
        expect(await store.health()).toEqual({
          detail: expect.stringMatching(/^(PostgreSQL|SQLite) \d/) as string,
          durable: true,
        });
      }),
    );
  });
}
