import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { MAX_REPEATS, RepeatLimit } from './repeat-limit';

describe('a message that comes in crowds', () => {
  const clock = new SimulatedClock();
  const limit = new RepeatLimit(clock);
  const passed = (message: string, times: number) =>
    Array.from({ length: times }, () => limit.pass(message)).filter((kept) => kept !== undefined);

  it('passes so many times a minute, and then says how many were kept back', async () => {
    expect(passed('a', 1_000)).toEqual(Array.from({ length: MAX_REPEATS }, () => 0));
    await clock.advance(59_999);
    expect(limit.pass('a')).toBeUndefined();
    await clock.advance(1);
    expect(limit.pass('a')).toBe(1_000 - MAX_REPEATS + 1);
    expect(limit.pass('a')).toBe(0);
  });

  it('keeps no other back', () => {
    expect(passed('b', MAX_REPEATS)).toHaveLength(MAX_REPEATS);
    expect(limit.pass('b')).toBeUndefined();
    expect(limit.pass('c')).toBe(0);
  });

  it('does not pass by being another each time', async () => {
    await clock.advance(60_000);
    const lines = Array.from({ length: 10_000 }, (_, n) => limit.pass(`number ${n}`));
    expect(lines.filter((kept) => kept !== undefined).length).toBeLessThan(256 + MAX_REPEATS);
    await clock.advance(60_000);
    expect(limit.pass('one more')).toBeDefined();
  });
});
