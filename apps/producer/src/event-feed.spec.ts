import { PassThrough } from 'node:stream';
import { systemRandom } from '@event-pipeline/runtime';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { EventFeed } from './event-feed';
import { GeneratedEvents } from './event-generator';
import { ndjsonFrom } from './testing/run';

describe('the feed', () => {
  let clock: SimulatedClock;
  let stop: AbortController;
  beforeEach(() => {
    clock = new SimulatedClock();
    stop = new AbortController();
  });
  const feedOf = (rate: number, count = 1_000_000) => {
    const options = { count, types: ['a'], seed: undefined };
    const source = new GeneratedEvents(options, { clock, random: systemRandom });
    return new EventFeed({ source, rate, clock, stop: stop.signal });
  };
  const take = (feed: EventFeed, maxEvents = 100_000) => feed.take(maxEvents, Infinity).length;

  it('gives as much as is taken where no rate is set', () => {
    const feed = feedOf(0);
    expect([take(feed), take(feed)]).toEqual([100_000, 100_000]);
  });

  it('gives the n-th event at n / rate, however irregularly it is asked', async () => {
    const feed = feedOf(250);
    let taken = take(feed);
    expect(taken).toBe(1);
    let elapsed = 0;
    for (const ms of [3, 4, 1, 92, 7, 1_893, 60_000 - 2_000]) {
      await clock.advance(ms);
      elapsed += ms;
      taken += take(feed);
      expect(taken).toBe(Math.floor((elapsed * 250) / 1_000) + 1);
    }
    expect(taken).toBe(15_001);
  });

  it('does not drift: a taker that waits for what is due gets the rate in the long run', async () => {
    const feed = feedOf(333, 1_000);
    let taken = take(feed);
    const taking = (async () => {
      while (!feed.ended) {
        await feed.wait(Infinity);
        taken += take(feed);
      }
    })();
    await clock.advance(2_000);
    expect(taken).toBe(667);
    await clock.advance(1_000);
    expect(taken).toBe(1_000);
    await taking;
  });

  it('makes up for the time in which nobody took anything', async () => {
    const feed = feedOf(100);
    take(feed);
    await clock.advance(10_000);
    expect(take(feed)).toBe(1_000);
  });

  it('does not make up for the time in which the input was silent', async () => {
    const input = new PassThrough();
    const { source } = ndjsonFrom(input);
    const feed = new EventFeed({ source, rate: 10, clock, stop: stop.signal });
    const write = async (lines: number) => {
      const ready = source.whenReady();
      input.write('{"type":"a"}\n'.repeat(lines));
      await ready;
    };
    await write(1);
    expect(take(feed)).toBe(1);
    await clock.advance(200);
    expect(take(feed)).toBe(0);
    await clock.advance(60_000);
    await write(500);
    expect(take(feed)).toBe(1);
    expect(take(feed)).toBeLessThanOrEqual(3);
    await clock.advance(1_000);
    expect(take(feed)).toBe(10);
    source.close();
  });

  it('waits no longer than allowed, and not at all for what is due', async () => {
    const feed = feedOf(0.1);
    await feed.wait(Infinity);
    expect(take(feed)).toBe(1);
    let waited = false;
    const waiting = feed.wait(500).then(() => (waited = true));
    await clock.advance(499);
    expect(waited).toBe(false);
    await clock.advance(1);
    await waiting;
    expect(take(feed)).toBe(0);
  });

  it('ends a wait for input with the input or with its time, and leaves no timer behind', async () => {
    const input = new PassThrough();
    const { source } = ndjsonFrom(input);
    const feed = new EventFeed({ source, rate: 0, clock, stop: stop.signal });
    const inVain = feed.wait(1_000);
    await clock.advance(1_000);
    await inVain;
    expect(take(feed)).toBe(0);
    const waiting = feed.wait(1_000);
    input.write('{"type":"a"}\n');
    await waiting;
    expect(take(feed)).toBe(1);
    expect(clock.sleeping).toBe(0);
    source.close();
  });

  it.each([0, 0.001])(
    'ends every wait and gives nothing more when stopped (rate %s)',
    async (rate) => {
      const { source } = ndjsonFrom(new PassThrough());
      const feeds = [feedOf(rate), new EventFeed({ source, rate, clock, stop: stop.signal })];
      for (const feed of feeds) take(feed, 1);
      const waiting = feeds.map((feed) => feed.wait(Infinity));
      stop.abort();
      await Promise.all(waiting);
      expect(feeds.map((feed) => [feed.ended, take(feed)])).toEqual([
        [true, 0],
        [true, 0],
      ]);
      source.close();
    },
  );
});
