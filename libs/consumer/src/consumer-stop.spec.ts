import { LONG, Scene, never, range } from './testing/consumer-scene';

describe('a consumer that stops', () => {
  it('finishes the events in hand and gives back those it has not started', async () => {
    const scene = new Scene();
    await scene.put(1, 25);
    const seen: number[] = [];
    const consumer = await scene.start(
      async ({ n }) => {
        seen.push(n);
        await scene.clock.sleep(100);
      },
      { concurrency: 2 },
    );
    await scene.advance(100);
    const stopped = consumer.stop(never);
    await scene.advance(100);
    await stopped;
    expect(seen.sort((a, b) => a - b)).toEqual([1, 2, 11, 12]);
    await scene.expectLeft({ processed: 4, pending: 21 });
    await scene.advance(LONG);
    expect(seen).toHaveLength(4);
    expect(scene.clock.sleeping).toBe(0);
  });

  it('has the rest handled by another, in order and without a failed attempt', async () => {
    const scene = new Scene();
    await scene.put(1, 10);
    const seen: [number, number][] = [];
    const slow = await scene.start(async ({ n }, { attempt }) => {
      seen.push([n, attempt]);
      await scene.clock.sleep(100);
    });
    await scene.advance(250);
    const stopped = slow.stop(never);
    await scene.advance(100);
    await stopped;
    await scene.start(({ n }, { attempt }) => void seen.push([n, attempt]));
    await scene.advance(1_000);
    expect(seen).toEqual(range(1, 10).map((n) => [n, 1]));
    await scene.expectLeft({ processed: 10, retried: 0, expiredLeases: 0 });
  });

  it('tells handlers when the grace is over, and gives back what they had not finished', async () => {
    const scene = new Scene();
    await scene.put(1, 5);
    const log: string[] = [];
    const consumer = await scene.start(async ({ n }, { signal }) => {
      log.push(`${n} begins`);
      if (n < 3) return;
      await scene.clock.sleep(LONG, signal);
      log.push(`${n} ${signal.aborted ? 'gives up' : 'ends'}`);
    });
    await scene.advance(10);
    const grace = new AbortController();
    const stopped = consumer.stop(grace.signal);
    await scene.advance(5_000);
    grace.abort();
    await stopped;
    expect(log).toEqual(['1 begins', '2 begins', '3 begins', '3 gives up']);
    await scene.expectLeft({ processed: 2, pending: 3, retried: 0 });
  });

  it('does not wait for a handler that ignores the end of the grace', async () => {
    const scene = new Scene();
    await scene.put(1, 5);
    const consumer = await scene.start(({ n }) =>
      n === 2 ? new Promise<void>(() => undefined) : undefined,
    );
    await scene.advance(10);
    await consumer.stop(AbortSignal.abort());
    await scene.expectLeft({ processed: 1, pending: 4 });
  });

  it('is not held up by a queue that does not answer, and settles nothing it has not done', async () => {
    const scene = new Scene();
    await scene.put(1, 5);
    const hangs = () => new Promise<never>(() => undefined);
    scene.queue.next('settle', hangs);
    const consumer = await scene.start(async (_, { signal }) => scene.clock.sleep(LONG, signal));
    await scene.advance(10);
    const stopped = consumer.stop(AbortSignal.abort());
    await scene.advance(500);
    await stopped;
    await scene.expectLeft({ leased: 5, leases: 1 });
  });

  it('may be stopped before its start, and twice', async () => {
    const scene = new Scene();
    const idle = scene.consumer(() => undefined);
    await idle.stop(never);
    await expect(idle.start()).rejects.toMatchObject({ code: 'INTERNAL' });
    const running = await scene.start(() => undefined);
    await Promise.all([running.stop(never), running.stop(never)]);
    await running.stop(AbortSignal.abort());
    expect(scene.queue.callsOf('receive').length).toBeLessThanOrEqual(1);
  });

  it('hastens a stop under way by a second one whose grace is over', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    const consumer = await scene.start(async (_, { signal }) => scene.clock.sleep(LONG, signal));
    await scene.advance(10);
    const patient = consumer.stop(never);
    await consumer.stop(AbortSignal.abort());
    await patient;
    await scene.expectLeft({ pending: 1 });
  });
});
