import { systemClock } from '@event-pipeline/runtime';
import { storable, storables, withStore, type CreateStoreUnderTest } from '../store-under-test';

const DAY = 86_400_000;

export function describeRetentionContract(create: CreateStoreUnderTest): void {
  describe('deleteOlderThan', () => {
    it(
      'deletes the oldest first, as many as it may, and none that is younger',
      withStore(create, async ({ store, grownOlder }) => {
        const now = systemClock.now();
        const days = [5, 1, 4, 2, 3];
        // Half a day before each limit; all are stored longer ago than that.
        const events = days.map((ago) => storable({ receivedAt: now + (10.5 - ago) * DAY }));
        const left = async () => {
          const there = await store.contains(events.map(({ id }) => id));
          return days.filter((_, i) => there[i]);
        };
        await store.put(events);
        await grownOlder(20 * DAY);
        expect(await store.deleteOlderThan(12 * DAY, 2)).toBe(2);
        expect(await left()).toEqual([1, 2, 3]);
        expect(await store.deleteOlderThan(12 * DAY, 2)).toBe(1);
        expect(await left()).toEqual([1, 2]);
        expect(await store.deleteOlderThan(12 * DAY, 2)).toBe(0);
      }),
    );

    it(
      'spares what was stored lately, however long ago it is said to have been received',
      withStore(create, async ({ store, grownOlder, count }) => {
        const receivedAt = systemClock.now() - 400 * DAY;
        await store.put(storables(3, { receivedAt }));
        expect(await store.deleteOlderThan(DAY, 100)).toBe(0);
        await grownOlder(2 * DAY);
        await store.put(storables(4, { receivedAt }));
        expect(await store.deleteOlderThan(DAY, 100)).toBe(3);
        expect(await count()).toBe(4);
      }),
    );

    it(
      'spares what is said to be received lately, however long ago it was stored',
      withStore(create, async ({ store, grownOlder, count }) => {
        await store.put(storables(3, { receivedAt: systemClock.now() + 10 * DAY }));
        await grownOlder(10 * DAY);
        expect(await store.deleteOlderThan(DAY, 100)).toBe(0);
        expect(await count()).toBe(3);
      }),
    );

    it(
      'deletes each event once when several do it at once',
      withStore(create, async ({ store, openAnother, grownOlder, count }) => {
        const stores = [store, await openAnother(), await openAnother()];
        await store.put(storables(600, { receivedAt: systemClock.now() }));
        await grownOlder(2 * DAY);
        await store.put(storables(10, { receivedAt: systemClock.now() }));
        let deleted = 0;
        const clear = async (each: typeof store) => {
          for (;;) {
            const some = await each.deleteOlderThan(DAY, 50);
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
