import { systemClock } from './clock';

describe('systemClock', () => {
  it('sleeps until the time is over', async () => {
    const before = systemClock.monotonic();
    await systemClock.sleep(5);
    // Node's timers count whole milliseconds and may fire up to one early.
    expect(systemClock.monotonic() - before).toBeGreaterThanOrEqual(4);
  });

  it('wakes at once when the signal aborts, and leaves no listener behind', async () => {
    const waking = new AbortController();
    const removed = jest.spyOn(waking.signal, 'removeEventListener');
    const sleeping = systemClock.sleep(2 ** 31 - 1, waking.signal);
    waking.abort();
    await sleeping;
    await systemClock.sleep(2 ** 31 - 1, waking.signal);
    expect(removed).toHaveBeenCalledTimes(1);
  });
});
