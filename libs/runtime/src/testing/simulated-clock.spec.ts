import { SimulatedClock } from './simulated-clock';

describe('SimulatedClock', () => {
  it('stands still until it is moved', async () => {
    const clock = new SimulatedClock(1_000);
    expect([clock.now(), clock.monotonic()]).toEqual([1_000, 0]);
    await clock.advance(250);
    expect([clock.now(), clock.monotonic()]).toEqual([1_250, 250]);
  });

  it('wakes sleepers in the order in which they fall due, each at its own time', async () => {
    const clock = new SimulatedClock();
    const woken: [string, number][] = [];
    const sleeper = async (name: string, ms: number) => {
      await clock.sleep(ms);
      woken.push([name, clock.monotonic()]);
    };
    const all = [sleeper('late', 30), sleeper('early', 10), sleeper('as early', 10)];
    await clock.advance(29);
    expect(woken).toEqual([
      ['early', 10],
      ['as early', 10],
    ]);
    expect(clock.sleeping).toBe(1);
    await clock.advance(1);
    await Promise.all(all);
    expect(woken[2]).toEqual(['late', 30]);
  });

  it('lets what it wakes sleep again within the same advance', async () => {
    const clock = new SimulatedClock();
    const ticks: number[] = [];
    const ticking = new AbortController();
    const duty = (async () => {
      while (!ticking.signal.aborted) {
        await clock.sleep(10, ticking.signal);
        ticks.push(clock.monotonic());
      }
    })();
    await clock.advance(35);
    expect(ticks).toEqual([10, 20, 30]);
    ticking.abort();
    await duty;
    expect(clock.sleeping).toBe(0);
  });

  it('ends a sleep whose signal aborts, without moving', async () => {
    const clock = new SimulatedClock();
    const waking = new AbortController();
    const sleeping = clock.sleep(1_000, waking.signal);
    waking.abort();
    await sleeping;
    await clock.sleep(1_000, waking.signal);
    expect([clock.monotonic(), clock.sleeping]).toEqual([0, 0]);
  });

  it('says when somebody sleeps', async () => {
    const clock = new SimulatedClock();
    const two = clock.untilSleeping(2);
    void clock.sleep(1);
    void clock.sleep(1);
    await two;
    expect(clock.sleeping).toBe(2);
    await clock.untilSleeping(1);
  });

  it('moves the wall clock alone when that jumps', () => {
    const clock = new SimulatedClock(5_000);
    clock.jumpWallClock(-2_000);
    expect([clock.now(), clock.monotonic()]).toEqual([3_000, 0]);
  });
});
