import { randomUUID } from 'node:crypto';
import {
  bodiesOf,
  drainAll,
  event,
  events,
  put,
  receive,
  take,
  withQueue,
  type CreateQueueUnderTest,
} from '../queue-under-test';

export function describeDeliveryContract(create: CreateQueueUnderTest): void {
  describe('receive', () => {
    it(
      'hands events out in the order they were enqueued, across batches',
      withQueue(create, async ({ queue }) => {
        for (let batch = 0; batch < 10; batch++) {
          await put(queue, events(batch * 70 + 1, batch * 70 + 70));
        }
        expect(await drainAll(queue, { maxEvents: 33 })).toEqual(events(1, 700));
      }),
    );

    it(
      'hands out nothing from an empty queue',
      withQueue(create, async ({ queue }) => {
        expect(await receive(queue)).toEqual({ isolatedWaiting: false });
      }),
    );

    it(
      'marks a first delivery as one without failures',
      withQueue(create, async ({ queue }) => {
        await put(queue, [event(1)]);
        expect((await take(queue)).deliveries).toEqual([
          { body: event(1), attempts: 0, crashes: 0, firstFailureAt: 0 },
        ]);
      }),
    );

    it(
      'bounds a lease in events, up to a thousand',
      withQueue(create, async ({ queue }) => {
        await put(queue, events(1, 1_000));
        await put(queue, events(1_001, 1_500));
        const first = await take(queue, { maxEvents: 1_000 });
        expect(first.size).toBe(1_000);
        const second = await take(queue, { maxEvents: 7 });
        expect(bodiesOf(second)).toEqual(events(1_001, 1_007));
      }),
    );

    it(
      'bounds a lease in bytes, and yet hands out an event that is larger than the bound',
      withQueue(create, async ({ queue }) => {
        const sized = (n: number, size: number) => `{"n":${n},"x":"${'x'.repeat(size)}"}`;
        const bodies = [sized(1, 400), sized(2, 400), sized(3, 5_000), sized(4, 100)];
        await put(queue, bodies);
        expect(bodiesOf(await take(queue, { maxBytes: 1_000 }))).toEqual(bodies.slice(0, 2));
        expect(bodiesOf(await take(queue, { maxBytes: 1_000 }))).toEqual(bodies.slice(2, 3));
        expect(bodiesOf(await take(queue, { maxBytes: 1_000 }))).toEqual(bodies.slice(3));
      }),
    );

    it(
      'bounds bytes with many small events before a large one, losing and reordering none',
      withQueue(create, async ({ queue }) => {
        const bodies = [
          ...events(1, 40),
          ...Array.from({ length: 20 }, (_, i) => `{"n":${i},"x":"${'x'.repeat(700)}"}`),
          ...events(41, 80),
        ];
        await put(queue, bodies);
        const all: string[] = [];
        for (;;) {
          const { lease } = await receive(queue, { maxBytes: 2_000 });
          if (!lease) break;
          const bytes = bodiesOf(lease).reduce((sum, body) => sum + body.length, 0);
          expect(bytes).toBeLessThanOrEqual(2_000);
          all.push(...bodiesOf(lease));
        }
        expect(all).toEqual(bodies);
      }),
    );

    it(
      'returns the lease it already made when it is called again with the same id',
      withQueue(create, async ({ queue }) => {
        await put(queue, events(1, 10));
        const leaseId = randomUUID();
        const first = await take(queue, { leaseId, maxEvents: 4 });
        const again = await take(queue, { leaseId, maxEvents: 4 });
        expect(again).toEqual(first);
        expect(await queue.stats(0)).toMatchObject({ leased: 4, leases: 1, pending: 6 });
      }),
    );

    it.each([
      ['no events', { maxEvents: 0 }],
      ['too many events', { maxEvents: 1_001 }],
      ['no bytes', { maxBytes: 0 }],
      ['no time', { leaseMs: 0 }],
      ['a malformed lease id', { leaseId: 'x' }],
      ['a partition that is not there', { partition: 99 }],
    ])('refuses %s before anything changes', async (_, bad) => {
      await withQueue(create, async ({ queue }) => {
        await put(queue, [event(1)]);
        await expect(receive(queue, bad)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
        expect(await queue.stats(0)).toMatchObject({ pending: 1, leased: 0 });
      })();
    });
  });

  describe('stats', () => {
    it(
      'names the event that is next in line',
      withQueue(create, async ({ queue }) => {
        expect((await queue.stats(0)).oldestPending).toBeUndefined();
        await put(queue, events(1, 3));
        await take(queue, { maxEvents: 1 });
        expect((await queue.stats(0)).oldestPending).toBe(event(2));
      }),
    );
  });
}
