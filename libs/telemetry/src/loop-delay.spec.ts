import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { LOOP_DELAY_INTERVAL_MS, LoopDelay, LoopDelayDuty } from './loop-delay';

describe('the delay of the event loop', () => {
  it('is at least what a sample comes too late', async () => {
    const clock = new SimulatedClock();
    const delay = new LoopDelay(clock);
    delay.sample();
    await clock.advance(LOOP_DELAY_INTERVAL_MS + 700);
    expect(delay.sample()).toBeGreaterThanOrEqual(700);
    delay.close();
  });

  it('is observed once an interval, from the start to the stop', async () => {
    const clock = new SimulatedClock();
    const observed: number[] = [];
    const duty = new LoopDelayDuty(clock, (seconds) => observed.push(seconds));
    await duty.start();
    for (let interval = 1; interval <= 3; interval++) {
      await clock.untilSleeping();
      await clock.advance(LOOP_DELAY_INTERVAL_MS);
      expect(observed).toHaveLength(interval);
    }
    await clock.untilSleeping();
    await duty.stop();
    expect(clock.sleeping).toBe(0);
    expect(observed).toHaveLength(3);
  });

  it('is not measured by a duty that is stopped before its start', async () => {
    const clock = new SimulatedClock();
    const duty = new LoopDelayDuty(clock, () => undefined);
    await duty.stop();
    await duty.start();
    await duty.stop();
    expect(clock.sleeping).toBe(0);
  });
});
