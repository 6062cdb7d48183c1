import {
  LEASE_MS,
  bodiesOf,
  drainAll,
  event,
  events,
  expire,
  put,
  receive,
  take,
  withQueue,
  type CreateQueueUnderTest,
} from '../queue-under-test';

const LOST = { code: 'LEASE_LOST' };
const dead = (index: number) =>
  ({ index, outcome: 'dead', reason: 'permanent-error', error: 'no', handler: 'h' }) as const;

export function describeSettleContract(create: CreateQueueUnderTest): void {
  describe('settle', () => {
    it(
      'ends a lease: what is not named is done',
      withQueue(create, async ({ queue }) => {
        await put(queue, events(1, 5));
        await queue.settle(await take(queue), []);
        expect(await queue.stats(0)).toMatchObject({
          processed: 5,
          leased: 0,
          leases: 0,
          bytes: 0,
        });
        expect(await receive(queue)).toEqual({ isolatedWaiting: false });
      }),
    );

    it(
      'moves each event where its outcome says, in one step',
      withQueue(create, async ({ queue }) => {
        await put(queue, events(1, 6));
        await queue.settle(await take(queue), [
          { index: 1, outcome: 'retry', delayMs: 1_000 },
          dead(2),
          { index: 3, outcome: 'release' },
          { index: 5, outcome: 'retry', delayMs: 1_000 },
        ]);
        expect(await queue.stats(0)).toMatchObject({
          processed: 2,
          delayed: 2,
          retried: 2,
          dead: 1,
          pending: 1,
          leased: 0,
        });
        expect(await drainAll(queue)).toEqual([event(4)]);
      }),
    );

    it(
      'hands a deferred event out again when it is due, not before, and counts nothing',
      withQueue(create, async ({ queue, passTime }) => {
        await put(queue, events(1, 4));
        await queue.settle(await take(queue), [
          { index: 1, outcome: 'defer', delayMs: 5_000 },
          { index: 2, outcome: 'defer', delayMs: 7_000 },
        ]);
        expect(await queue.stats(0)).toMatchObject({
          processed: 2,
          delayed: 2,
          retried: 0,
          leased: 0,
        });
        const early = await receive(queue);
        expect(early.lease).toBeUndefined();
        expect(early.nextDueMs).toBeGreaterThan(0);
        expect(early.nextDueMs).toBeLessThanOrEqual(5_000);
        await passTime(7_000);
        const lease = await take(queue);
        const fresh = { attempts: 0, crashes: 0, firstFailureAt: 0 };
        expect(lease.deliveries).toEqual([
          { body: event(2), ...fresh },
          { body: event(3), ...fresh },
        ]);
        await queue.settle(lease, []);
        expect(await queue.stats(0)).toMatchObject({ processed: 4, delayed: 0, bytes: 0 });
      }),
    );

    it(
      'changes no count of a failed event that is deferred, however often',
      withQueue(create, async ({ queue, passTime }) => {
        await put(queue, [event(1)]);
        await queue.settle(await take(queue), [{ index: 0, outcome: 'retry', delayMs: 10 }]);
        await passTime(10);
        const [failed] = (
          await take(queue).then(async (lease) => {
            await queue.settle(lease, [{ index: 0, outcome: 'defer', delayMs: 10 }]);
            return lease;
          })
        ).deliveries;
        expect(failed).toMatchObject({ attempts: 1 });
        for (let time = 0; time < 3; time++) {
          await passTime(10);
          const lease = await take(queue);
          expect(lease.deliveries).toEqual([failed]);
          await queue.settle(lease, [{ index: 0, outcome: 'defer', delayMs: 10 }]);
        }
        expect(await queue.stats(0)).toMatchObject({ retried: 1, delayed: 1, suspect: 0 });
      }),
    );

    it(
      'defers suspects, isolated ones too, and keeps their crashes',
      withQueue(create, async (context) => {
        const { queue, passTime } = context;
        await put(queue, events(1, 3));
        await take(queue);
        await expire(context);
        await queue.settle(await take(queue), [{ index: 0, outcome: 'defer', delayMs: 10 }]);
        await take(queue, { isolated: 'only' });
        await expire(context);
        const isolated = await take(queue, { isolated: 'only' });
        expect(isolated.deliveries).toMatchObject([{ body: event(3), crashes: 1 }]);
        await queue.settle(isolated, [{ index: 0, outcome: 'defer', delayMs: 10 }]);
        expect(await queue.stats(0)).toMatchObject({ suspect: 0, delayed: 2, processed: 1 });
        await passTime(10);
        expect((await take(queue)).deliveries).toMatchObject([
          { body: event(1), crashes: 0, attempts: 0 },
          { body: event(3), crashes: 1, attempts: 0 },
        ]);
      }),
    );

    it(
      'hands a retry out again when it is due, not before, with one more attempt',
      withQueue(create, async ({ queue, passTime }) => {
        await put(queue, [event(1)]);
        await queue.settle(await take(queue), [{ index: 0, outcome: 'retry', delayMs: 5_000 }]);
        const early = await receive(queue);
        expect(early.lease).toBeUndefined();
        expect(early.nextDueMs).toBeGreaterThan(0);
        expect(early.nextDueMs).toBeLessThanOrEqual(5_000);
        await passTime(5_000);
        const { deliveries, handedOutAt } = await take(queue);
        const [delivery] = deliveries;
        expect(delivery).toMatchObject({ body: event(1), attempts: 1, crashes: 0 });
        expect(delivery?.firstFailureAt).toBeGreaterThan(0);
        expect(handedOutAt).toBeGreaterThanOrEqual(delivery?.firstFailureAt ?? Infinity);
      }),
    );

    it(
      'counts attempts and keeps the time of the first failure over many retries',
      withQueue(create, async ({ queue, passTime }) => {
        await put(queue, [event(1)]);
        let first = 0;
        for (let attempts = 0; attempts < 5; attempts++) {
          const lease = await take(queue);
          const [delivery] = lease.deliveries;
          expect(delivery).toMatchObject({ body: event(1), attempts });
          if (attempts === 1) first = delivery?.firstFailureAt ?? 0;
          if (attempts > 1) expect(delivery?.firstFailureAt).toBeLessThanOrEqual(first);
          await queue.settle(lease, [{ index: 0, outcome: 'retry', delayMs: 100 }]);
          await passTime(100);
        }
        expect(await queue.stats(0)).toMatchObject({ retried: 5, delayed: 1 });
      }),
    );

    it(
      'keeps equal events apart while they wait for their retries',
      withQueue(create, async ({ queue, passTime }) => {
        await put(queue, [event(1), event(1), event(1)]);
        await queue.settle(await take(queue), [
          { index: 0, outcome: 'retry', delayMs: 10 },
          { index: 1, outcome: 'retry', delayMs: 10 },
          { index: 2, outcome: 'retry', delayMs: 10 },
        ]);
        expect(await queue.stats(0)).toMatchObject({ delayed: 3 });
        await passTime(10);
        expect(await drainAll(queue)).toEqual([event(1), event(1), event(1)]);
      }),
    );

    it(
      'gives retries at most half of a lease while events are pending',
      withQueue(create, async ({ queue, passTime }) => {
        await put(queue, events(1, 10));
        const lease = await take(queue);
        await queue.settle(
          lease,
          lease.deliveries.map((_, index) => ({ index, outcome: 'retry', delayMs: 10 }) as const),
        );
        await put(queue, events(11, 30));
        await passTime(10);
        const mixed = await take(queue, { maxEvents: 10 });
        const retries = mixed.deliveries.filter(({ attempts }) => attempts > 0);
        expect(mixed.size).toBe(10);
        expect(retries).toHaveLength(5);
      }),
    );

    it(
      'is refused the second time and changes nothing',
      withQueue(create, async ({ queue }) => {
        await put(queue, events(1, 2));
        const lease = await take(queue);
        await queue.settle(lease, []);
        const before = await queue.stats(0);
        await expect(queue.settle(lease, [dead(0)])).rejects.toMatchObject(LOST);
        expect(await queue.stats(0)).toEqual(before);
      }),
    );

    it(
      'still counts after the lease has expired, as long as nobody took it back',
      withQueue(create, async ({ queue, passTime }) => {
        await put(queue, events(1, 2));
        const lease = await take(queue);
        await passTime(LEASE_MS * 2);
        await queue.settle(lease, []);
        expect(await queue.stats(0)).toMatchObject({ processed: 2, leases: 0 });
      }),
    );

    it(
      'is refused after the lease was taken back, as extend and release are',
      withQueue(create, async (context) => {
        const { queue } = context;
        await put(queue, events(1, 4));
        const lease = await take(queue);
        await expire(context);
        const before = await queue.stats(0);
        await expect(queue.settle(lease, [])).rejects.toMatchObject(LOST);
        await expect(queue.extend(lease, LEASE_MS)).rejects.toMatchObject(LOST);
        await expect(queue.release(lease)).rejects.toMatchObject(LOST);
        expect(await queue.stats(0)).toEqual(before);
      }),
    );

    it.each([
      ['an index outside the lease', [dead(3)]],
      ['a negative index', [dead(-1)]],
      ['an event named twice', [dead(1), dead(1)]],
      ['unsorted events', [dead(2), dead(0)]],
      ['a negative delay', [{ index: 0, outcome: 'retry', delayMs: -1 } as const]],
      [
        'a negative delay of a deferred one',
        [{ index: 0, outcome: 'defer', delayMs: -1 } as const],
      ],
    ])('refuses %s before anything changes', async (_, exceptions) => {
      await withQueue(create, async ({ queue }) => {
        await put(queue, events(1, 3));
        const lease = await take(queue);
        const before = await queue.stats(0);
        await expect(queue.settle(lease, exceptions)).rejects.toMatchObject({
          code: 'INVALID_ARGUMENT',
        });
        expect(await queue.stats(0)).toEqual(before);
        await queue.settle(lease, []);
      })();
    });

    it(
      'puts released events next in line, in their order and uncounted',
      withQueue(create, async ({ queue }) => {
        await put(queue, events(1, 6));
        await queue.settle(await take(queue, { maxEvents: 4 }), [
          { index: 2, outcome: 'release' },
          { index: 3, outcome: 'release' },
        ]);
        const lease = await take(queue);
        expect(bodiesOf(lease)).toEqual(events(3, 6));
        expect(lease.deliveries.every(({ attempts, crashes }) => attempts + crashes === 0)).toBe(
          true,
        );
      }),
    );
  });

  describe('release', () => {
    it(
      'gives every event back, next in line, in order and uncounted',
      withQueue(create, async ({ queue }) => {
        await put(queue, events(1, 6));
        await queue.release(await take(queue, { maxEvents: 4 }));
        expect(await queue.stats(0)).toMatchObject({
          pending: 6,
          leased: 0,
          leases: 0,
          retried: 0,
        });
        const lease = await take(queue);
        expect(bodiesOf(lease)).toEqual(events(1, 6));
        expect(lease.deliveries.every(({ attempts, crashes }) => attempts + crashes === 0)).toBe(
          true,
        );
      }),
    );

    it(
      'keeps the attempts of a retry that is given back',
      withQueue(create, async ({ queue, passTime }) => {
        await put(queue, [event(1)]);
        await queue.settle(await take(queue), [{ index: 0, outcome: 'retry', delayMs: 1 }]);
        await passTime(1);
        await queue.release(await take(queue));
        expect((await take(queue)).deliveries).toMatchObject([{ body: event(1), attempts: 1 }]);
      }),
    );

    it(
      'is refused the second time',
      withQueue(create, async ({ queue }) => {
        await put(queue, events(1, 2));
        const lease = await take(queue);
        await queue.release(lease);
        await expect(queue.release(lease)).rejects.toMatchObject(LOST);
        expect(await drainAll(queue)).toEqual(events(1, 2));
      }),
    );
  });

  describe('extend', () => {
    it(
      'keeps a lease from being taken back, counted from now',
      withQueue(create, async (context) => {
        const { queue, passTime } = context;
        await put(queue, events(1, 2));
        const lease = await take(queue);
        await passTime(LEASE_MS - 1_000);
        await queue.extend(lease, LEASE_MS);
        await passTime(LEASE_MS - 1_000);
        expect(await queue.reclaim(0, { maxLeases: 10, maxCrashes: 3 })).toMatchObject({
          leases: 0,
        });
        await queue.settle(lease, []);
      }),
    );

    it(
      'is refused when the lease is settled, and brings nothing back to life',
      withQueue(create, async (context) => {
        const { queue } = context;
        await put(queue, events(1, 2));
        const lease = await take(queue);
        await queue.settle(lease, []);
        await expect(queue.extend(lease, LEASE_MS)).rejects.toMatchObject(LOST);
        await expire(context);
        expect(await queue.stats(0)).toMatchObject({ processed: 2, leases: 0, suspect: 0 });
      }),
    );
  });
}
