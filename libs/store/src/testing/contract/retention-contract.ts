import { storable, storables, withStore, type CreateStoreUnderTest } from '../store-under-test';

const DAY = 86_400_000;
const NOW = Date.UTC(2025, 5, 1);

export function describeRetentionContract(create: CreateStoreUnderTest): void {
  describe('deleteReceivedBefore', () => {
    it(
      'deletes the oldest first, as many as it may, and none that is younger',
      withStore(create, async ({ store }) => {
        const days = [5, 1, 4, 2, 3];
        const events = days.map((ago) => storable({ receivedAt: NOW - ago * DAY }));
        await store.put(events);
        const left = async () => {
          const there = await store.contains(events.map(({ id }) => id));
          return days.filter((_, i) => there[i]);
        };
        expect(await store.deleteReceivedBefore(NOW - 2 * DAY, 2)).toBe(2);
        expect(await left()).toEqual([1, 2, 3]);
        expect(await store.deleteReceivedBefore(NOW - 2 * DAY, 2)).toBe(1);
        expect(await left()).toEqual([1, 2]);
        expect(await store.deleteReceivedBefore(NOW - 2 * DAY, 2)).toBe(0);
      }),
    );

    it(
      'deletes each event once when several do it at once',
      withStore(create, async ({ store, openAnother, count }) => {
        const stores = [store, await openAnother(), await openAnother()];
        await store.put(storables(600, { receivedAt: NOW - DAY }));
        await store.put(storables(10, { receivedAt: NOW + DAY }));
        let deleted = 0;
        const clear = async (each: typeof store) => {
          for (;;) {
            const some = await each.deleteReceivedBefore(NOW, 50);
            deleted += some;
            if (some === 0) return;
          }
        };
        await Promise.all(stores.map(clear));
        expect(deleted).toBe(600);
        expect(await count()).toBe(10);
      }),
    );
  });
}
