import { PipelineError } from '@event-pipeline/runtime';
import { SeededRandom, SimulatedClock } from '@event-pipeline/runtime/testing';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { createRetentionDuty } from './retention-duty';

const HOUR = 3_600_000;

function setUp(old: number, chunk = 100) {
  const clock = new SimulatedClock();
  const log = createLogSink();
  const calls: { ageMs: number; limit: number }[] = [];
  const state = { old, fails: false, deleted: 0 };
  const store = {
    deleteOlderThan: (ageMs: number, limit: number) => {
      calls.push({ ageMs, limit });
      if (state.fails) {
        return Promise.reject(new PipelineError('STORE_UNAVAILABLE', 'away'));
      }
      const count = Math.min(limit, state.old);
      state.old -= count;
      return Promise.resolve(count);
    },
  };
  const duty = createRetentionDuty({
    store,
    days: 30,
    clock,
    random: new SeededRandom(1),
    logger: log.logger,
    onDeleted: (events) => (state.deleted += events),
    chunk,
  });
  return { clock, log, calls, state, duty };
}

describe('the retention duty', () => {
  it('deletes in chunks until nothing is past its age, and says so once', async () => {
    const { clock, log, calls, state, duty } = setUp(250);
    await duty.start();
    await clock.advance(60_000);
    expect(calls.map(({ limit }) => limit)).toEqual([100, 100, 100]);
    for (const { ageMs } of calls) expect(ageMs).toBe(30 * 24 * HOUR);
    expect(state).toMatchObject({ old: 0, deleted: 250 });
    expect(log.lines.map(({ msg, deleted }) => [msg, deleted])).toEqual([
      ['deleted events older than 30 days', 250],
    ]);
    await duty.stop(new AbortController().signal);
  });

  it('comes again, and lets a store that is away be away', async () => {
    const { clock, log, calls, state, duty } = setUp(0);
    state.fails = true;
    await duty.start();
    await clock.advance(HOUR);
    expect(calls.length).toBeGreaterThan(2);
    expect(log.messages).toContain('events past their age could not be deleted');
    state.fails = false;
    state.old = 5;
    await clock.advance(HOUR);
    expect(state).toMatchObject({ old: 0, deleted: 5 });
    await duty.stop(new AbortController().signal);
  });

  it('stops in the middle of a round, and does nothing afterwards', async () => {
    const { clock, calls, state, duty } = setUp(1_000_000);
    await duty.start();
    while (calls.length < 3) await clock.advance(50);
    await duty.stop(new AbortController().signal);
    const asked = calls.length;
    await clock.advance(HOUR);
    expect(calls).toHaveLength(asked);
    expect(state.old).toBeGreaterThan(0);
    await duty.stop(new AbortController().signal);
  });
});
