import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { watchForStall } from './stall-watch';
import { Tally } from './tally';

describe('the watch for a collector that answers nothing', () => {
  let clock: SimulatedClock;
  let tally: Tally;
  let over: AbortController;
  let stalls: number;
  let waiting: boolean;
  let watching: Promise<void>;
  beforeEach(() => {
    clock = new SimulatedClock();
    tally = new Tally();
    over = new AbortController();
    stalls = 0;
    waiting = false;
    const limits = { clock, tally, limitMs: 30_000, waiting: () => waiting };
    watching = watchForStall(limits, over.signal, () => (stalls += 1));
  });
  afterEach(async () => {
    over.abort();
    await watching;
    expect(clock.sleeping).toBe(0);
  });

  it('reports once when events have waited for the whole limit', async () => {
    tally.sent = 10;
    await clock.advance(29_000);
    expect(stalls).toBe(0);
    await clock.advance(2_000);
    expect(stalls).toBe(1);
    await clock.advance(100_000);
    expect(stalls).toBe(1);
  });

  it('begins anew with every answer, be it a rejection', async () => {
    tally.sent = 10;
    await clock.advance(29_000);
    tally.acknowledged = 1;
    await clock.advance(29_000);
    tally.rejected = 1;
    await clock.advance(29_000);
    expect(stalls).toBe(0);
    await clock.advance(2_000);
    expect(stalls).toBe(1);
  });

  it('counts time in which a connection is waited for', async () => {
    waiting = true;
    await clock.advance(31_000);
    expect(stalls).toBe(1);
  });

  it('does not count time in which nothing was sent and open', async () => {
    await clock.advance(100_000);
    tally.sent = 10;
    tally.acknowledged = 9;
    tally.unknown = 1;
    await clock.advance(100_000);
    tally.sent = 11;
    await clock.advance(29_000);
    expect(stalls).toBe(0);
  });
});
