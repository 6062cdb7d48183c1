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
  type QueueUnderTest,
} from '../queue-under-test';

export function describeReclaimContract(create: CreateQueueUnderTest): void {
  describe('reclaim', () => {
    it(
      'leaves a lease alone whose time has not run out',
      withQueue(create, async ({ queue, passTime }) => {
        await put(queue, events(1, 2));
        await take(queue);
        await passTime(LEASE_MS - 1_000);
        expect(await queue.reclaim(0, { maxLeases: 10, maxCrashes: 3 })).toEqual({
          leases: 0,
          events: 0,
          dead: 0,
        });
      }),
    );

    it(
      'hands the events of an expired lease out again, in two halves and their order',
      withQueue(create, async (context) => {
        const { queue } = context;
        await put(queue, events(1, 10));
        await take(queue);
        await context.passTime(LEASE_MS + 1);
        expect(await queue.reclaim(0, { maxLeases: 10, maxCrashes: 3 })).toEqual({
          leases: 1,
          events: 10,
          dead: 0,
        });
        expect(await queue.stats(0)).toMatchObject({ suspect: 10, leased: 0, expiredLeases: 1 });
        expect(bodiesOf(await take(queue))).toEqual(events(1, 5));
        expect(bodiesOf(await take(queue))).toEqual(events(6, 10));
      }),
    );

    it(
      'takes back at most as many leases as it was told to',
      withQueue(create, async ({ queue, passTime }) => {
        await put(queue, events(1, 30));
        for (let i = 0; i < 3; i++) await take(queue, { maxEvents: 10 });
        await passTime(LEASE_MS + 1);
        expect(await queue.reclaim(0, { maxLeases: 2, maxCrashes: 3 })).toMatchObject({
          leases: 2,
        });
        expect(await queue.reclaim(0, { maxLeases: 2, maxCrashes: 3 })).toMatchObject({
          leases: 1,
        });
      }),
    );

    it(
      'never mixes suspects with pending events, and lets neither side starve',
      withQueue(create, async (context) => {
        const { queue } = context;
        await put(queue, events(1, 32));
        await take(queue);
        await expire(context);
        await put(queue, events(33, 64));
        const leases = [];
        for (let i = 0; i < 8; i++) leases.push(bodiesOf(await take(queue, { maxEvents: 4 })));
        const suspects = leases.filter((bodies) => bodies.every((b) => events(1, 32).includes(b)));
        const fresh = leases.filter((bodies) => bodies.every((b) => events(33, 64).includes(b)));
        expect(suspects).toHaveLength(4);
        expect(fresh).toHaveLength(4);
      }),
    );

    it(
      'hands a group out in parts to a caller that takes fewer events',
      withQueue(create, async (context) => {
        const { queue } = context;
        await put(queue, events(1, 20));
        await take(queue);
        await expire(context);
        const parts = [];
        for (let i = 0; i < 6; i++) parts.push(bodiesOf(await take(queue, { maxEvents: 4 })));
        expect(parts.map(({ length }) => length)).toEqual([4, 4, 2, 4, 4, 2]);
        expect(parts.flat()).toEqual(events(1, 20));
      }),
    );

    it(
      'gives a released group back as that group',
      withQueue(create, async (context) => {
        const { queue } = context;
        await put(queue, events(1, 8));
        await take(queue);
        await expire(context);
        await queue.release(await take(queue));
        expect(await queue.stats(0)).toMatchObject({ suspect: 8, pending: 0 });
        expect(bodiesOf(await take(queue))).toEqual(events(1, 4));
      }),
    );

    it(
      'keeps a suspect that is alone for a caller that asks for it',
      withQueue(create, async (context) => {
        const { queue } = context;
        await put(queue, [event(1)]);
        await take(queue);
        await expire(context);
        expect(await receive(queue)).toEqual({ isolatedWaiting: true });
        await put(queue, [event(2)]);
        const { lease, isolatedWaiting } = await receive(queue);
        expect(bodiesOf(lease)).toEqual([event(2)]);
        expect(isolatedWaiting).toBe(true);
        const isolated = await take(queue, { isolated: 'only' });
        expect(isolated.deliveries).toMatchObject([{ body: event(1), crashes: 0 }]);
        expect(await receive(queue, { isolated: 'only' })).toEqual({ isolatedWaiting: false });
        await queue.settle(isolated, []);
      }),
    );

    it(
      'gives a released isolated suspect back uncounted, and a retried one to the others',
      withQueue(create, async (context) => {
        const { queue, passTime } = context;
        await put(queue, [event(1)]);
        await take(queue);
        await expire(context);
        await queue.release(await take(queue, { isolated: 'only' }));
        const again = await take(queue, { isolated: 'only' });
        expect(again.deliveries).toMatchObject([{ crashes: 0 }]);
        await queue.settle(again, [{ index: 0, outcome: 'retry', delayMs: 1 }]);
        await passTime(1);
        expect((await take(queue)).deliveries).toMatchObject([{ attempts: 1 }]);
      }),
    );

    it(
      'makes an event that ends every worker a dead letter after three crashes, and no other',
      withQueue(create, async (context) => {
        const { queue } = context;
        await put(queue, events(1, 100));
        const survivors = await runWorkersThatDieOf(event(42), context);
        expect(survivors.sort()).toEqual(
          events(1, 100)
            .filter((e) => e !== event(42))
            .sort(),
        );
        expect(await queue.stats(0)).toMatchObject({
          processed: 99,
          dead: 1,
          suspect: 0,
          leased: 0,
          pending: 0,
        });
      }),
    );

    it(
      'processes everything where the time ran out for another reason than a crash',
      withQueue(create, async (context) => {
        const { queue } = context;
        await put(queue, events(1, 50));
        for (let stall = 0; stall < 3; stall++) {
          for (let i = 0; i < 4; i++) await receive(queue);
          await expire(context);
        }
        const bodies = await drainAll(queue);
        for (;;) {
          const { lease } = await receive(queue, { isolated: 'only' });
          if (!lease) break;
          bodies.push(...bodiesOf(lease));
          await queue.settle(lease, []);
        }
        expect(bodies.sort()).toEqual(events(1, 50).sort());
        expect(await queue.stats(0)).toMatchObject({ processed: 50, dead: 0 });
      }),
    );
  });
}

/** Works off the queue as workers do of which each dies when it has the poison in hand. */
async function runWorkersThatDieOf(poison: string, context: QueueUnderTest): Promise<string[]> {
  const { queue } = context;
  const survivors: string[] = [];
  for (let step = 0; step < 100; step++) {
    let { lease } = await receive(queue, { isolated: 'only' });
    lease ??= (await receive(queue)).lease;
    if (!lease) return survivors;
    if (bodiesOf(lease).includes(poison)) {
      await expire(context);
    } else {
      survivors.push(...bodiesOf(lease));
      await queue.settle(lease, []);
    }
  }
  throw new Error('the queue did not become empty');
}
