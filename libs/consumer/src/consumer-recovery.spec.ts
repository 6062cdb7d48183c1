import { InterceptedQueue } from './testing';
import { LEASE_MS, Scene, range } from './testing/consumer-scene';

describe('what another worker left behind', () => {
  it('is taken back and handled', async () => {
    const scene = new Scene();
    await scene.put(1, 40);
    await scene.leaseAndDie(20);
    const seen: number[] = [];
    await scene.start(({ n }) => void seen.push(n));
    await scene.advance(1_000);
    expect(seen).toEqual(range(21, 40));
    await scene.advance(2 * LEASE_MS);
    expect(seen).toEqual([...range(21, 40), ...range(1, 20)]);
    await scene.expectLeft({ processed: 40, expiredLeases: 1 });
  });

  it('runs with nothing beside it when it may be what ended the other', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    await scene.leaseAndDie(1);
    await scene.expire();
    await scene.put(2, 100);
    let inHand = 0;
    let besideOne: number | undefined;
    await scene.start(
      {
        batch: async (events) => {
          inHand++;
          if (events.some(({ n }) => n === 1)) besideOne = inHand - 1;
          await scene.clock.sleep(10);
          if (events.some(({ n }) => n === 1)) besideOne = Math.max(besideOne ?? 0, inHand - 1);
          inHand--;
        },
      },
      { concurrency: 4 },
    );
    await scene.advance(10_000);
    expect(besideOne).toBe(0);
    expect(scene.leases.filter(({ isolated }) => isolated)).toMatchObject([{ events: 1 }]);
    await scene.expectLeft({ processed: 100 });
  });

  it('is worked off soon, also where many such events wait', async () => {
    const scene = new Scene();
    await scene.put(1, 50);
    for (let i = 0; i < 50; i++) await scene.leaseAndDie(1);
    await scene.expire();
    expect(await scene.memory.stats(0)).toMatchObject({ suspect: 50 });
    await scene.put(51, 90);
    const seen: number[] = [];
    await scene.start(({ n }) => void seen.push(n), { concurrency: 4 });
    await scene.advance(100);
    expect(seen.sort((a, b) => a - b)).toEqual(range(1, 90));
    await scene.expectLeft({ processed: 90 });
  });

  it('does not keep the other events waiting when another worker takes it first, each time', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    await scene.leaseAndDie(1);
    await scene.expire();
    await scene.put(2, 500);
    const taken = async () => ({ isolatedWaiting: true });
    const receive = scene.queue.receive.bind(scene.queue);
    let isolatedTries = 0;
    scene.queue.receive = (request) => {
      if (request.isolated === 'skip') return receive(request);
      isolatedTries++;
      return taken();
    };
    const seen: number[] = [];
    await scene.start(({ n }) => void seen.push(n), { concurrency: 4 });
    await scene.advance(400);
    expect(seen.sort((a, b) => a - b)).toEqual(range(2, 500));
    expect(isolatedTries).toBe(1);
    await scene.advance(20_000);
    expect(isolatedTries).toBeGreaterThan(5);
    expect(isolatedTries).toBeLessThan(50);
  });

  it('ends in the dead letters alone where it ends every worker', async () => {
    const scene = new Scene();
    await scene.put(1, 40);
    const poison = 17;
    let crashes = 0;
    const seen: number[] = [];
    // A worker that dies of the poison never answers again: its lease is neither extended nor settled.
    const dies = () => {
      const queue = new InterceptedQueue(scene.memory);
      const dead = () => new Promise<never>(() => undefined);
      return scene.start(
        {
          batch: async (events) => {
            if (!events.some(({ n }) => n === poison))
              return void seen.push(...events.map(({ n }) => n));
            crashes++;
            queue.extend = dead;
            queue.settle = dead;
            queue.receive = dead;
            queue.reclaim = dead;
            await dead();
          },
        },
        { queue, batchSize: 40 },
      );
    };
    while ((await scene.memory.stats(0)).dead === 0 && crashes < 20) {
      await dies();
      await scene.advance(2 * LEASE_MS);
    }
    await scene.advance(2 * LEASE_MS);
    expect(scene.memory.deadLettersIn()).toMatchObject([
      { body: `{"n":${poison}}`, reason: 'crashed-worker' },
    ]);
    expect(seen.sort((a, b) => a - b)).toEqual(range(1, 40).filter((n) => n !== poison));
    await scene.expectLeft({ processed: 39, dead: 1 });
  });
});
