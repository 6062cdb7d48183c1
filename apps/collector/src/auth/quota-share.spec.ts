import type { QuotaBuckets } from '@event-pipeline/queue';
import { FlowController } from '@event-pipeline/runtime';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { QuotaFlow } from './quota-flow';
import { QuotaShare } from './quota-share';

const RATES = { events: 1_000, bytes: 0 };
const ended = new AbortController();

let clock: SimulatedClock;
let asked: number;
let refused: string[];
let problems: string[];
beforeEach(() => {
  clock = new SimulatedClock();
  asked = 0;
  refused = [];
  problems = [];
});

/** Gives what has come together since the last question: 1 event a ms. */
function fillingBuckets(): Pick<QuotaBuckets, 'take'> {
  let there = 0;
  let at = clock.monotonic();
  return {
    take: (_, rates, wanted) => {
      asked += 1;
      there = Math.min(rates.events / 5, there + ((clock.monotonic() - at) * rates.events) / 1_000);
      at = clock.monotonic();
      const events = Math.min(wanted.events, Math.floor(there));
      there -= events;
      return Promise.resolve({
        events,
        bytes: wanted.bytes,
        waitMs: events < wanted.events ? 20 : 0,
      });
    },
  };
}

function shareOf(buckets: Pick<QuotaBuckets, 'take'>, rates = RATES): QuotaShare {
  const observer = {
    refused: (name: string) => void refused.push(name),
    unavailable: (problem: string) => void problems.push(problem),
  };
  return new QuotaShare('shop', rates, buckets, clock, observer, ended.signal);
}

/** Takes batches one after the other until told to stop. */
function takeAll(share: QuotaShare, size: number) {
  let events = 0;
  const stop = new AbortController();
  const loop = (async () => {
    while (!stop.signal.aborted) {
      await share.take(size, 0, 60_000, stop.signal).catch(() => undefined);
      if (!stop.signal.aborted) events += size;
    }
  })();
  return {
    taken: () => events,
    stop: () => {
      stop.abort();
      return loop;
    },
  };
}

async function pass(ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 5) await clock.advance(5);
}

describe("a collector's share of a quota", () => {
  it.each([1, 7, 100, 3_000])('holds the rate by batches of %s events', async (size) => {
    const share = shareOf(fillingBuckets());
    const taking = takeAll(share, size);
    await pass(30_000);
    await taking.stop();
    // A batch may be ahead of its time.
    expect(taking.taken()).toBeGreaterThan(30_000 * 0.95);
    expect(taking.taken()).toBeLessThanOrEqual(30_000 + 200 + size);
  });

  it('asks for slices, not for each batch', async () => {
    const share = shareOf(fillingBuckets());
    const taking = takeAll(share, 1);
    await pass(10_000);
    await taking.stop();
    expect(taking.taken()).toBeGreaterThan(9_000);
    expect(asked).toBeLessThan(10 * 60);
  });

  it('refuses who would wait for too long, with QUOTA_EXCEEDED, and leaves the others in their order', async () => {
    let there = 0;
    const share = shareOf({
      take: (_, __, { events, bytes }) => {
        const granted = Math.min(there, events);
        there -= granted;
        return Promise.resolve({ events: granted, bytes, waitMs: 20 });
      },
    });
    const ends: string[] = [];
    const wait = (name: string, patienceMs: number) =>
      share.take(1, 0, patienceMs).then(
        () => ends.push(name),
        (error: { code: string }) => ends.push(`${name} ${error.code}`),
      );
    const all = [wait('a', 100), wait('b', 10_000), wait('c', 10_000)];
    await pass(200);
    expect(ends).toEqual(['a QUOTA_EXCEEDED']);
    expect(refused).toEqual(['shop']);
    expect(share.tryTake(1, 0)).toBe(false);
    there = 2;
    await pass(1_000);
    await Promise.all(all);
    expect(ends.slice(1)).toEqual(['b', 'c']);
  });

  it('lets all through while the buckets do not answer, and says so', async () => {
    const share = shareOf({ take: () => Promise.reject(new Error('gone')) });
    for (let i = 0; i < 100; i += 1) await share.take(500, 0, 0);
    expect(problems[0]).toContain('gone');
    expect(refused).toEqual([]);
  });

  it('counts bytes as well, as they came', async () => {
    const share = shareOf(
      {
        take: (_, __, { bytes }) =>
          Promise.resolve({ events: 0, bytes: Math.min(bytes, 1), waitMs: 1_000 }),
      },
      { events: 0, bytes: 10_000 },
    );
    const flow = new FlowController({ maxEvents: 10, maxBytes: 100_000 });
    const stream = new QuotaFlow(flow, share);
    expect(stream.tryAcquire(2, 1_400)).toBe(false);
    const first = stream.acquire(2, 1_400);
    await pass(10);
    await first;
    // 1,000 bytes of two events were taken, and 1 was there.
    const second = stream.acquire(1, 300);
    const refusal = expect(second).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED' });
    await pass(2_010);
    await refusal;
    expect([flow.events, flow.bytes]).toEqual([2, 1_400]);
    stream.release(2, 1_400);
    expect(flow.bytes).toBe(0);
  });
});
