import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { CallWatch, type WatchedCalls } from './call-watch';

function setUp() {
  const clock = new SimulatedClock();
  const watch = new CallWatch(clock);
  const late: [name: string, at: number][] = [];
  const calls = (name: string) => {
    const watched = {
      deadline: Infinity,
      begin: (limitMs: number) => {
        watched.deadline = clock.monotonic() + limitMs;
        watch.expect(watched.deadline);
      },
      end: () => void (watched.deadline = Infinity),
      late: () => {
        late.push([name, clock.monotonic()]);
        watched.end();
      },
    } satisfies WatchedCalls & Record<string, unknown>;
    watch.add(watched);
    return watched;
  };
  return { clock, watch, late, calls };
}

describe('the watch over calls', () => {
  it('tells each of several when its own limit is over, whichever began first', async () => {
    const { clock, late, calls } = setUp();
    const [a, b, c] = [calls('a'), calls('b'), calls('c')];
    a.begin(60_000);
    b.begin(1_000);
    await clock.advance(500);
    c.begin(1_000);
    await clock.advance(100_000);
    expect(late).toEqual([
      ['b', 1_000],
      ['c', 1_500],
      ['a', 60_000],
    ]);
  });

  it('says nothing of a call that has ended, and counts the next one from its own begin', async () => {
    const { clock, late, calls } = setUp();
    const a = calls('a');
    a.begin(1_000);
    await clock.advance(900);
    a.end();
    await clock.advance(50);
    a.begin(1_000);
    await clock.advance(999);
    expect(late).toEqual([]);
    await clock.advance(1);
    expect(late).toEqual([['a', 1_950]]);
  });

  it('has one timer for all calls, and none for a while after the last', async () => {
    const { clock, calls } = setUp();
    const all = [calls('a'), calls('b'), calls('c')];
    for (let n = 0; n < 100; n++) {
      for (const [i, each] of all.entries()) each.begin(1_000 - i);
      expect(clock.sleeping).toBe(1);
      for (const each of all) each.end();
      await clock.advance(100);
    }
    await clock.advance(1_000);
    expect(clock.sleeping).toBe(0);
  });

  it('forgets what is removed, and everything when it is closed', async () => {
    const { clock, watch, late, calls } = setUp();
    const [a, b] = [calls('a'), calls('b')];
    a.begin(1_000);
    watch.remove(a);
    b.begin(2_000);
    await clock.advance(1_000);
    expect(clock.sleeping).toBe(1);
    watch.close();
    b.begin(10);
    await clock.advance(10_000);
    expect(late).toEqual([]);
    expect(clock.sleeping).toBe(0);
  });

  it('waits in steps for what is further off than a timer can be set', async () => {
    const { clock, late, calls } = setUp();
    const sleep = jest.spyOn(clock, 'sleep');
    calls('a').begin(2 ** 32);
    await clock.advance(2 ** 32);
    expect(Math.max(...sleep.mock.calls.map(([ms]) => ms))).toBeLessThan(2 ** 31);
    expect(late).toEqual([['a', 2 ** 32]]);
  });
});
