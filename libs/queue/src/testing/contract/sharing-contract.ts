import {
  batchOf,
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

const never = new AbortController().signal;

export function describeSharingContract(create: CreateQueueUnderTest): void {
  describe('several users of one queue', () => {
    it(
      'see the same events, leases and counters',
      withQueue(create, async ({ queue, openAnother }) => {
        const other = await openAnother();
        await put(queue, events(1, 5));
        const lease = await take(other, { maxEvents: 3 });
        expect(await queue.stats(0)).toMatchObject({ pending: 2, leased: 3 });
        await queue.settle(lease, []);
        expect(await other.stats(0)).toMatchObject({ processed: 3, leased: 0 });
      }),
    );

    it(
      'recognise a batch id that one of them queued',
      withQueue(create, async ({ queue, openAnother }) => {
        const other = await openAnother();
        const batch = batchOf(events(1, 2), { answer: 'a' });
        await queue.enqueue(0, [batch]);
        expect(await other.enqueue(0, [batch])).toEqual([{ outcome: 'duplicate', answer: 'a' }]);
      }),
    );

    it(
      'never get the same event while they receive at once',
      withQueue(create, async ({ queue, openAnother }) => {
        const users = [queue, await openAnother(), await openAnother()];
        await put(queue, events(1, 600));
        const taken = await Promise.all(
          Array.from({ length: 60 }, async (_, i) =>
            bodiesOf((await receive(users[i % users.length]!, { maxEvents: 10 })).lease),
          ),
        );
        expect(new Set(taken.flat()).size).toBe(600);
      }),
    );

    it(
      'lose and double nothing while they enqueue, receive and settle at once',
      withQueue(create, async ({ queue, openAnother }) => {
        const other = await openAnother();
        let left = 20;
        const produce = async () => {
          for (let i = 0; i < 20; i++) {
            await put(queue, events(i * 50 + 1, i * 50 + 50));
            left -= 1;
          }
        };
        const consume = async () => {
          const seen: string[] = [];
          while (left > 0) seen.push(...(await drainAll(other, { maxEvents: 30 })));
          return [...seen, ...(await drainAll(other))];
        };
        const [, seen] = await Promise.all([produce(), consume()]);
        expect(seen).toEqual(events(1, 1_000));
      }),
    );
  });

  describe('waitForEvents', () => {
    it(
      'ends when another user enqueues',
      withQueue(create, async ({ queue, openAnother }) => {
        const other = await openAnother();
        const waited = other.waitForEvents(0, 20_000, never);
        await put(queue, [event(1)]);
        await waited;
        expect(bodiesOf((await receive(other)).lease)).toEqual([event(1)]);
      }),
    );

    it(
      'wakes the next waiter when a receive leaves events behind',
      withQueue(create, async ({ queue, openAnother }) => {
        const [first, second] = [await openAnother(), await openAnother()];
        const waits = [
          first.waitForEvents(0, 20_000, never),
          second.waitForEvents(0, 20_000, never),
        ];
        await put(queue, events(1, 2));
        await Promise.race(waits);
        await take(queue, { maxEvents: 1 });
        await Promise.all(waits);
      }),
    );

    it(
      'ends when an event goes to wait for a retry, so that the waiter learns when it is due',
      withQueue(create, async ({ queue, openAnother }) => {
        const other = await openAnother();
        await put(queue, [event(1)]);
        const lease = await take(queue);
        await other.waitForEvents(0, 1, never);
        const waited = other.waitForEvents(0, 20_000, never);
        await queue.settle(lease, [{ index: 0, outcome: 'retry', delayMs: 5_000 }]);
        await waited;
        expect((await receive(other)).nextDueMs).toBeGreaterThan(0);
      }),
    );

    it(
      'ends when a lease is given back',
      withQueue(create, async ({ queue, openAnother }) => {
        const other = await openAnother();
        await put(queue, [event(1)]);
        const lease = await take(queue);
        await other.waitForEvents(0, 1, never);
        const waited = other.waitForEvents(0, 20_000, never);
        await queue.release(lease);
        await waited;
      }),
    );

    it(
      'ends when its time is over, and at once when it is aborted',
      withQueue(create, async ({ queue }) => {
        await queue.waitForEvents(0, 5, never);
        const abort = new AbortController();
        const waited = queue.waitForEvents(0, 20_000, abort.signal);
        abort.abort();
        await waited;
        await queue.waitForEvents(0, 20_000, abort.signal);
      }),
    );
  });

  describe('health and close', () => {
    it(
      'says that what is acknowledged is on disk',
      withQueue(create, async ({ queue }) => {
        expect(await queue.health()).toMatchObject({ durability: 'disk' });
      }),
    );

    it(
      'close may be called twice',
      withQueue(create, async ({ openAnother }) => {
        const other = await openAnother();
        await other.close();
        await other.close();
      }),
    );
  });
}
