import { randomUUID } from 'node:crypto';
import { MAX_STORED_BATCH } from '../../event-store';
import {
  RECEIVED_AT,
  storable,
  storables,
  unstorable,
  withStore,
  type CreateStoreUnderTest,
} from '../store-under-test';

export function describePutContract(create: CreateStoreUnderTest): void {
  describe('put', () => {
    it(
      'stores every event of the largest batch, and knows them afterwards',
      withStore(create, async ({ store, count }) => {
        const events = storables(MAX_STORED_BATCH);
        const result = await store.put(events);
        expect(result).toEqual({
          stored: MAX_STORED_BATCH,
          duplicates: 0,
          conflicts: [],
          refused: [],
        });
        expect(await count()).toBe(MAX_STORED_BATCH);
        expect(await store.contains(events.map(({ id }) => id))).toEqual(events.map(() => true));
        expect(await store.contains([randomUUID(), events[0]!.id, 'no id'])).toEqual([
          false,
          true,
          false,
        ]);
      }),
    );

    it(
      'takes an empty batch, and refuses one that is too large',
      withStore(create, async ({ store, count }) => {
        expect(await store.put([])).toMatchObject({ stored: 0, refused: [] });
        await expect(store.put(storables(MAX_STORED_BATCH + 1))).rejects.toMatchObject({
          code: 'INVALID_ARGUMENT',
        });
        expect(await count()).toBe(0);
      }),
    );

    it.each([
      ['numbers beyond every number type', '{"n":1e400000,"m":-12345678901234567890.000100}'],
      ['members in their order, also those that come twice', '{"b":1,"a":2,"b":3,"":4}'],
      ['blanks and escapes', '{ "a" :\t"\\u00e9\\/\\n\\ud83d\\ude00" }\n'],
      ['text of every kind', '{"a":"é😀\u2028\u007f\'\\"{},%_$1"}'],
      ['nesting of 512 levels', '['.repeat(512) + ']'.repeat(512)],
      ['no data at all', 'null'],
    ])("keeps the producer's own bytes: %s", async (_, data) => {
      await withStore(create, async ({ store, bodyOf }) => {
        const event = storable({ data });
        expect(await store.put([event])).toMatchObject({ stored: 1, refused: [] });
        expect(await bodyOf(event.id)).toBe(event.body);
      })();
    });

    it(
      'keeps large events, and many of them in one batch',
      withStore(create, async ({ store, bodyOf }) => {
        const events = storables(100, { data: `"${'x'.repeat(262_000)}"` });
        expect(await store.put(events)).toMatchObject({ stored: 100 });
        expect(await bodyOf(events[99]!.id)).toBe(events[99]!.body);
      }),
    );

    it(
      "lets the database's own operators look into an event",
      withStore(create, async ({ store, dataMember }) => {
        const event = storable({ data: '{"customer":"c-17","amount":12}' });
        await store.put([event]);
        expect(await dataMember(event.id, 'customer')).toBe('c-17');
        expect(await dataMember(event.id, 'absent')).toBeNull();
      }),
    );

    it(
      'stores an event once, however often it comes',
      withStore(create, async ({ store, count }) => {
        const events = storables(50);
        await store.put(events);
        const more = storables(50);
        expect(await store.put([...more, ...events])).toEqual({
          stored: 50,
          duplicates: 50,
          conflicts: [],
          refused: [],
        });
        expect(await count()).toBe(100);
      }),
    );

    it(
      'leaves the first content in place, and names the event that came with another',
      withStore(create, async ({ store, bodyOf }) => {
        const first = storable({ data: '{"a":1}' });
        await store.put([first]);
        const other = storable({ id: first.id, data: '{"a":2}' });
        expect(await store.put([storable(), other, first])).toEqual({
          stored: 1,
          duplicates: 1,
          conflicts: [1],
          refused: [],
        });
        expect(await bodyOf(first.id)).toBe(first.body);
      }),
    );

    it(
      'leaves it to its user what counts as other content',
      withStore(
        create,
        async ({ store }) => {
          const id = randomUUID();
          await store.put([storable({ id, receivedAt: RECEIVED_AT })]);
          const later = storable({ id, receivedAt: RECEIVED_AT + 7 });
          expect(await store.put([later])).toMatchObject({ duplicates: 1, conflicts: [] });
        },
        { sameContent: (stored, given) => stored.length === given.length },
      ),
    );

    it(
      'counts the first of the events that have one id in a batch',
      withStore(create, async ({ store, bodyOf, count }) => {
        const id = randomUUID();
        const [one, two] = [storable({ id, data: '1' }), storable({ id, data: '2' })];
        expect(await store.put([one, two, one, storable()])).toEqual({
          stored: 2,
          duplicates: 1,
          conflicts: [1],
          refused: [],
        });
        expect(await bodyOf(id)).toBe(one.body);
        expect(await count()).toBe(2);
      }),
    );

    it.each([1, 2, 37])(
      'names %i events that it refuses, and stores their neighbours',
      async (bad) => {
        await withStore(create, async ({ store, count }) => {
          const events = storables(200);
          const places = Array.from({ length: bad }, (_, i) => (i * 53 + 7) % 200);
          for (const place of places) events[place] = unstorable();
          const result = await store.put(events);
          expect(result).toMatchObject({ stored: 200 - bad, duplicates: 0, conflicts: [] });
          expect(result.refused.map(({ index }) => index)).toEqual(
            places.toSorted((a, b) => a - b),
          );
          for (const { error } of result.refused) expect(error).toMatch(/\S/);
          expect(await count()).toBe(200 - bad);
        })();
      },
    );

    it(
      'refuses a whole batch event by event, and works on afterwards',
      withStore(create, async ({ store }) => {
        const bad = Array.from({ length: 20 }, () => unstorable());
        const { refused } = await store.put(bad);
        expect(refused.map(({ index }) => index)).toEqual(bad.map((_, i) => i));
        expect(await store.put([storable()])).toMatchObject({ stored: 1 });
      }),
    );

    it.each([
      ['an id that is no UUID', { ...storable(), id: 'no-uuid' }],
      ['a type with U+0000', { ...storable(), type: 'a\0b' }],
      ['a body with U+0000', { ...storable(), body: '{"a":1}\0' }],
      ['a body that is cut', unstorable()],
    ])('refuses %s', async (_, event) => {
      await withStore(create, async ({ store }) => {
        expect(await store.put([storable(), event])).toMatchObject({
          stored: 1,
          refused: [{ index: 1 }],
        });
      })();
    });

    it(
      'takes the next event of an id whose first one it refused',
      withStore(create, async ({ store, bodyOf }) => {
        const good = storable({ data: '{"good":true}' });
        const bad = unstorable(good.id);
        expect(await store.put([bad, good, bad])).toEqual({
          stored: 1,
          duplicates: 0,
          conflicts: [2],
          refused: [{ index: 0, error: expect.any(String) as string }],
        });
        expect(await bodyOf(good.id)).toBe(good.body);
      }),
    );
  });
}
