import { SimulatedClock } from '@event-pipeline/runtime/testing';
import type { Queue } from '@event-pipeline/queue';
import { PartitionRota } from './partition-rota';

interface Wait {
  readonly partition: number;
  readonly maxWaitMs: number;
  /** Ends the wait, as the engine does when events have come. */
  end(): void;
}

/** A rota over partitions whose waits the test ends itself. */
function setUp(partitions: number) {
  const clock = new SimulatedClock();
  const stopper = new AbortController();
  const waits: Wait[] = [];
  const queue: Pick<Queue, 'partitionCount' | 'waitForEvents'> = {
    partitionCount: () => partitions,
    waitForEvents: (partition, maxWaitMs, signal) =>
      new Promise((end) => {
        waits.push({ partition, maxWaitMs, end });
        signal.addEventListener('abort', () => end());
      }),
  };
  return { clock, stopper, waits, rota: new PartitionRota(queue, clock, stopper.signal) };
}

/** What a promise has come to by now. */
async function now<T>(promise: Promise<T>): Promise<T | 'still waiting'> {
  const turn = new Promise<'still waiting'>((resolve) => setImmediate(resolve, 'still waiting'));
  return Promise.race([promise, turn]);
}

describe('the rota of partitions', () => {
  it('names each partition once at first', async () => {
    const { rota } = setUp(3);
    expect([await rota.next(), await rota.next(), await rota.next()]).toEqual([0, 1, 2]);
    expect(await now(rota.next())).toBe('still waiting');
  });

  it('prefers none of the partitions that have events', async () => {
    const { rota } = setUp(3);
    const named: (number | undefined)[] = [];
    for (let i = 0; i < 9; i++) {
      const partition = await rota.next();
      named.push(partition);
      rota.found(partition as number, i % 2 === 0);
    }
    expect(named).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2]);
  });

  it('lets one alone ask where a lease was not full, and any number where it was', async () => {
    const { rota } = setUp(1);
    await rota.next();
    rota.found(0, false);
    expect(await rota.next()).toBe(0);
    const [second, third] = [rota.next(), rota.next()];
    expect(await now(second)).toBe('still waiting');
    rota.found(0, true);
    expect([await second, await third, await rota.next()]).toEqual([0, 0, 0]);
  });

  it('keeps one wait on an empty partition, however many loops find it empty', async () => {
    const { rota, waits, clock } = setUp(1);
    await rota.next();
    rota.found(0, true);
    await Promise.all([rota.next(), rota.next(), rota.next()]);
    for (let i = 0; i < 3; i++) rota.empty(0);
    const loops = [rota.next(), rota.next(), rota.next()];
    expect(waits).toHaveLength(1);
    await clock.advance(100);
    waits[0]!.end();
    expect(await loops[0]).toBe(0);
    expect(await now(loops[1]!)).toBe('still waiting');
    rota.found(0, true);
    expect(await Promise.all(loops)).toEqual([0, 0, 0]);
  });

  it('goes on with the others while one partition is empty', async () => {
    const { rota, waits } = setUp(3);
    for (let i = 0; i < 3; i++) await rota.next();
    rota.empty(0);
    rota.empty(1);
    rota.found(2, true);
    expect([await rota.next(), await rota.next()]).toEqual([2, 2]);
    waits[1]!.end();
    await now(new Promise(() => undefined));
    expect([await rota.next(), await rota.next(), await rota.next()]).toEqual([1, 2, 2]);
  });

  it.each([
    [undefined, 1_000],
    [400, 400],
    [60_000, 1_000],
    [0, 1],
  ])('waits until the next retry, due in %p ms, at most a second: %i ms', (dueMs, expected) => {
    const { rota, waits } = setUp(1);
    rota.empty(0, dueMs);
    expect(waits).toMatchObject([{ partition: 0, maxWaitMs: expected }]);
  });

  it('asks again soon after the time of a wait that does not end', async () => {
    const { rota, clock } = setUp(1);
    await rota.next();
    rota.empty(0);
    const next = rota.next();
    await clock.advance(1_999);
    expect(await now(next)).toBe('still waiting');
    await clock.advance(1);
    expect(await next).toBe(0);
  });

  it('outlives a wait that fails, without asking faster', async () => {
    const clock = new SimulatedClock();
    const queue = {
      partitionCount: () => 1,
      waitForEvents: async () => {
        throw new Error('no');
      },
    };
    const rota = new PartitionRota(queue, clock, new AbortController().signal);
    await rota.next();
    rota.empty(0);
    const next = rota.next();
    await clock.advance(999);
    expect(await now(next)).toBe('still waiting');
    await clock.advance(1);
    expect(await next).toBe(0);
  });

  it('does not spin where waits end at once for nothing', async () => {
    const clock = new SimulatedClock();
    const queue = { partitionCount: () => 1, waitForEvents: async () => undefined };
    const stopper = new AbortController();
    const rota = new PartitionRota(queue, clock, stopper.signal);
    let asked = 0;
    const loop = (async () => {
      while ((await rota.next()) !== undefined) {
        asked++;
        rota.empty(0);
      }
    })();
    await clock.advance(10_000);
    stopper.abort();
    await loop;
    expect(asked).toBeGreaterThan(150);
    expect(asked).toBeLessThan(250);
  });

  it('ends every wait when it is stopped, and names nothing any more', async () => {
    const { rota, clock, stopper } = setUp(2);
    await rota.next();
    await rota.next();
    rota.empty(0);
    rota.empty(1);
    const loops = [rota.next(), rota.next(), rota.next()];
    stopper.abort();
    expect(await Promise.all(loops)).toEqual([undefined, undefined, undefined]);
    expect(await rota.next()).toBeUndefined();
    await clock.advance(0);
    expect(clock.sleeping).toBe(0);
  });
});
