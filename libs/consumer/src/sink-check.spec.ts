import type { EventSink } from './event-sink';
import { LEASE_MS, LONG, Scene, range, type Numbered } from './testing/consumer-scene';

/** A sink that is out of reach for the reason that is set, and says so also when it is asked. */
class AwaySink implements EventSink<Numbered> {
  reason: string | undefined = 'connection refused';
  silent = false;
  checks = 0;
  readonly stored: number[] = [];

  async store(...[events]: Parameters<EventSink<Numbered>['store']>) {
    if (this.reason !== undefined) throw new Error(this.reason);
    this.stored.push(...events.map(({ event }) => event.n));
    return Promise.resolve([]);
  }

  async check(): Promise<void> {
    this.checks++;
    if (this.silent) return new Promise<never>(() => undefined);
    if (this.reason !== undefined) throw new Error(this.reason);
    return Promise.resolve();
  }
}

const CHANGED = 'the store is out of reach for another reason now';

/** An outage whose lease another worker has taken over and settled: no event is left. */
async function withLostLease() {
  const scene = new Scene();
  await scene.put(1, 5);
  const sink = new AwaySink();
  const consumer = await scene.start(() => undefined, { sink, concurrency: 3 });
  await scene.advance(1_000);
  expect(sink.checks).toBe(0);
  const [lease] = scene.queue.callsOf('receive')[0] as [{ leaseId: string }];
  const held = { partition: 0, id: lease.leaseId, size: 5 };
  await scene.memory.settle(held, []);
  await scene.advance(LEASE_MS);
  await scene.expectLeft({ processed: 5 });
  return { scene, sink, consumer };
}

describe('a sink that was out of reach when the last lease was lost', () => {
  it('is known to be back though no event comes', async () => {
    const { scene, sink, consumer } = await withLostLease();
    await scene.advance(LONG);
    expect(consumer.pausedReason()).toMatch(/connection refused/);
    sink.reason = undefined;
    await scene.advance(15_000);
    expect(consumer.pausedReason()).toBeUndefined();
    expect(scene.messagesAt('info')).toContain('the store can be reached again');
    const asked = sink.checks;
    await scene.advance(LONG);
    expect(sink.checks).toBe(asked);
    await scene.put(6, 9);
    await scene.advance(5_000);
    expect(sink.stored).toEqual(range(6, 9));
  });

  it('is asked with growing pauses of at most 15 s, also where it gives no answer', async () => {
    const { scene, sink } = await withLostLease();
    await scene.advance(60_000);
    const before = sink.checks;
    await scene.advance(600_000);
    expect(sink.checks - before).toBeGreaterThanOrEqual(40);
    expect(sink.checks - before).toBeLessThanOrEqual(85);
    sink.silent = true;
    await scene.advance(450_000);
    const silent = sink.checks;
    await scene.advance(450_000);
    expect(sink.checks - silent).toBeGreaterThanOrEqual(9);
    expect(sink.checks - silent).toBeLessThanOrEqual(13);
  });

  it('does not keep a consumer from its stop', async () => {
    const { scene, sink, consumer } = await withLostLease();
    sink.silent = true;
    await scene.advance(20_000);
    const stopped = consumer.stop(new AbortController().signal);
    await scene.advance(0);
    await stopped;
    expect(scene.clock.sleeping).toBe(0);
  });
});

describe('why a sink is out of reach', () => {
  it.each(['while a lease asks', 'while none does'])(
    'is the newest reason, %s; a change is logged, at most once a minute',
    async (when) => {
      let scene: Scene;
      let sink: AwaySink;
      let consumer;
      if (when === 'while a lease asks') {
        scene = new Scene();
        await scene.put(1, 5);
        sink = new AwaySink();
        consumer = await scene.start(() => undefined, { sink });
        await scene.advance(1_000);
      } else ({ scene, sink, consumer } = await withLostLease());
      sink.reason = 'no such database';
      await scene.advance(16_000);
      expect(consumer.pausedReason()).toMatch(/ s: no such database$/);
      const changes = () =>
        scene.sink.lines.filter(({ msg }) => msg === CHANGED).map(({ reason }) => reason);
      expect(changes()).toEqual(['no such database']);
      sink.reason = 'no right to it';
      await scene.advance(20_000);
      expect(consumer.pausedReason()).toMatch(/no right to it/);
      expect(changes()).toHaveLength(1);
      await scene.advance(60_000);
      expect(changes()).toEqual(['no such database', 'no right to it']);
    },
  );
});
