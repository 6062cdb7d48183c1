import type { EventSink, SinkRefusal } from './event-sink';
import { SINK_CALL_LIMIT_MS } from './lease-sink';
import { LEASE_MS, LONG, Scene, range, times, type Numbered } from './testing/consumer-scene';

type Answer = 'stored' | 'out of reach' | 'silence' | readonly SinkRefusal[];

/** A sink that gives these answers, then stores. */
class ScriptedSink implements EventSink<Numbered> {
  readonly calls: number[][] = [];
  readonly bodies: string[] = [];
  readonly stored = new Set<number>();
  readonly signals: AbortSignal[] = [];
  reachable = true;

  constructor(private readonly answers: Answer[] = []) {}

  async store(...[events, signal]: Parameters<EventSink<Numbered>['store']>) {
    this.calls.push(events.map(({ event }) => event.n));
    this.bodies.push(...events.map(({ body }) => body));
    this.signals.push(signal);
    const answer = this.reachable ? (this.answers.shift() ?? 'stored') : 'out of reach';
    if (answer === 'out of reach') throw new Error('connection refused (a test says so)');
    if (answer === 'silence') return new Promise<never>(() => undefined);
    for (const { event } of events) this.stored.add(event.n);
    return answer === 'stored' ? [] : answer;
  }
}

const GONE = 'the store is out of reach; no further events are taken until it is back';
const BACK = 'the store can be reached again';

describe('the sink of a consumer', () => {
  it('gets what the handlers are done with, in one call a lease, before it is settled', async () => {
    const scene = new Scene();
    await scene.put(1, 25);
    const sink = new ScriptedSink();
    const storedAtSettle: number[] = [];
    scene.queue.next(
      'settle',
      ...times(3, ({ proceed }: { proceed: () => Promise<void> }) => {
        storedAtSettle.push(sink.stored.size);
        return proceed();
      }),
    );
    await scene.start(() => undefined, { sink });
    await scene.advance(1_000);
    expect(sink.calls).toEqual([range(1, 10), range(11, 20), range(21, 25)]);
    expect(sink.bodies.slice(0, 2)).toEqual(['{"n":1}', '{"n":2}']);
    expect(storedAtSettle).toEqual([10, 20, 25]);
    await scene.expectLeft({ processed: 25 });
  });

  it('gets no event whose handler failed, and is not called for nothing', async () => {
    const scene = new Scene();
    await scene.put(1, 3);
    const sink = new ScriptedSink();
    await scene.start(
      ({ n }) => {
        if (n !== 2) throw Object.assign(new Error('no'), { permanent: true });
      },
      { sink, batchSize: 1 },
    );
    await scene.advance(1_000);
    expect(sink.calls).toEqual([[2]]);
    await scene.expectLeft({ processed: 1, dead: 2 });
  });

  it('makes dead letters of what it refuses, and of nothing else', async () => {
    const scene = new Scene();
    await scene.put(1, 10);
    const sink = new ScriptedSink([
      [
        { index: 1, error: 'no such number' },
        { index: 8, error: 'too odd' },
      ],
    ]);
    const failOn = ({ n }: Numbered) => {
      if (n === 1) throw Object.assign(new Error('no'), { permanent: true });
    };
    await scene.start(failOn, { sink });
    await scene.advance(1_000);
    expect(scene.memory.deadLettersIn()).toMatchObject([
      { body: '{"n":1}', reason: 'permanent-error' },
      { body: '{"n":3}', reason: 'store-refused', error: 'no such number', handler: '' },
      { body: '{"n":10}', reason: 'store-refused', error: 'too odd' },
    ]);
    expect(scene.settled).toMatchObject([
      {
        outcome: {
          dead: { 'permanent-error': 1, 'store-refused': 2 },
          doneIndexes: [1, 3, 4, 5, 6, 7, 8],
        },
      },
    ]);
    await scene.expectLeft({ processed: 7, dead: 3 });
  });
});

describe('a sink that is out of reach', () => {
  it('stops the intake; no handler runs again, nothing is counted, and all goes on by itself', async () => {
    const scene = new Scene();
    await scene.put(1, 200);
    const sink = new ScriptedSink();
    sink.reachable = false;
    const handled: number[] = [];
    const consumer = await scene.start(({ n }) => void handled.push(n), { sink, concurrency: 4 });
    await scene.advance(LONG);
    expect(handled.sort((a, b) => a - b)).toEqual(range(1, 40));
    expect(await scene.memory.stats(0)).toMatchObject({
      leases: 4,
      leased: 40,
      expiredLeases: 0,
      retried: 0,
    });
    expect(consumer.pausedReason()).toMatch(
      /^the store has been out of reach for \d+ s: connection refused/,
    );
    expect(consumer.stalledReason()).toBeUndefined();
    sink.reachable = true;
    await scene.advance(5_000);
    expect(consumer.pausedReason()).toBeUndefined();
    await scene.advance(5_000);
    expect(handled.sort((a, b) => a - b)).toEqual(range(1, 200));
    expect(sink.stored.size).toBe(200);
    await scene.expectLeft({ processed: 200, retried: 0 });
    expect(scene.messagesAt('warn')).toEqual([GONE]);
    expect(scene.messagesAt('info').filter((line) => line === BACK)).toHaveLength(1);
  });

  it('is asked again with growing pauses of at most 5 s', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    const sink = new ScriptedSink();
    sink.reachable = false;
    await scene.start(() => undefined, { sink });
    await scene.advance(1_000);
    const early = sink.calls.length;
    expect(early).toBeGreaterThan(2);
    expect(early).toBeLessThan(8);
    await scene.advance(100_000);
    expect(sink.calls.length - early).toBeGreaterThan(20);
    expect(sink.calls.length - early).toBeLessThan(45);
  });

  it('counts as such when it does not answer', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    const sink = new ScriptedSink(['silence']);
    const consumer = await scene.start(() => undefined, { sink });
    await scene.advance(SINK_CALL_LIMIT_MS - 1);
    expect(consumer.pausedReason()).toBeUndefined();
    await scene.advance(1);
    expect(consumer.pausedReason()).toMatch(/no answer within 30 s/);
    expect(sink.signals[0]?.aborted).toBe(true);
    await scene.advance(5_000);
    await scene.expectLeft({ processed: 1 });
  });

  it('is waited for as long as it says in time that it comes on', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    let progress: () => void = () => undefined;
    let answer: (refusals: []) => void = () => undefined;
    let calls = 0;
    const sink: EventSink<Numbered> = {
      store: (_, __, onProgress) => {
        progress = onProgress;
        calls++;
        return new Promise((resolve) => (answer = resolve));
      },
    };
    const consumer = await scene.start(() => undefined, { sink });
    for (let i = 0; i < 5; i++) {
      await scene.advance(SINK_CALL_LIMIT_MS - 1_000);
      progress();
    }
    expect(consumer.pausedReason()).toBeUndefined();
    answer([]);
    await scene.advance(1_000);
    expect(calls).toBe(1);
    await scene.expectLeft({ processed: 1 });
  });

  it('counts as such when it names events that it was not given', async () => {
    const scene = new Scene();
    await scene.put(1, 2);
    const sink = new ScriptedSink([[{ index: 2, error: 'no' }]]);
    await scene.start(() => undefined, { sink });
    await scene.advance(5_000);
    expect(scene.messagesAt('warn')).toEqual([GONE]);
    await scene.expectLeft({ processed: 2 });
  });

  it('has its events given back, uncounted, when the consumer stops', async () => {
    const scene = new Scene();
    await scene.put(1, 30);
    const sink = new ScriptedSink();
    sink.reachable = false;
    const consumer = await scene.start(() => undefined, { sink, concurrency: 2 });
    await scene.advance(1_000);
    const stopped = consumer.stop(new AbortController().signal);
    await scene.advance(0);
    await stopped;
    await scene.expectLeft({ pending: 30, retried: 0, expiredLeases: 0 });
  });

  it('has its events given back when it gives no answer until the grace is over', async () => {
    const scene = new Scene();
    await scene.put(1, 5);
    const sink = new ScriptedSink(['silence']);
    const consumer = await scene.start(() => undefined, { sink });
    await scene.advance(0);
    const grace = new AbortController();
    const stopped = consumer.stop(grace.signal);
    await scene.advance(100);
    grace.abort();
    await scene.advance(1_000);
    await stopped;
    expect(sink.signals[0]?.aborted).toBe(true);
    await scene.expectLeft({ pending: 5 });
  });

  it('is tried again with the next lease when those in hand were lost', async () => {
    const scene = new Scene();
    await scene.put(1, 5);
    const sink = new ScriptedSink();
    sink.reachable = false;
    const handled: number[] = [];
    await scene.start(({ n }) => void handled.push(n), { sink, concurrency: 3 });
    await scene.advance(1_000);
    const [lease] = scene.queue.callsOf('receive')[0] as [{ leaseId: string }];
    await scene.memory.release({ partition: 0, id: lease.leaseId, size: 5 });
    await scene.advance(LEASE_MS);
    expect(handled).toEqual([...range(1, 5), ...range(1, 5)]);
    expect(await scene.memory.stats(0)).toMatchObject({ leases: 1, leased: 5 });
    sink.reachable = true;
    await scene.advance(10_000);
    await scene.expectLeft({ processed: 5, retried: 0 });
    expect(scene.messagesAt('warn').filter((line) => line === GONE)).toHaveLength(1);
  });

  it('does not keep an isolated event from its turn for ever', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    await scene.leaseAndDie(1);
    await scene.expire();
    await scene.put(2, 30);
    const sink = new ScriptedSink(times(8, 'out of reach'));
    await scene.start(() => undefined, { sink, concurrency: 3 });
    await scene.advance(60_000);
    await scene.expectLeft({ processed: 30 });
  });
});
