import { PipelineError } from '@event-pipeline/runtime';
import { unavailable } from './testing';
import { LEASE_MS, LONG, Scene, fails, never, range, times } from './testing/consumer-scene';

describe('a lease of a consumer', () => {
  it('is held for as long as its handlers run', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    let handled = 0;
    await scene.start(async () => {
      handled++;
      await scene.clock.sleep(LONG);
    });
    await scene.start(() => void handled++);
    await scene.advance(LONG + 1_000);
    expect(handled).toBe(1);
    await scene.expectLeft({ processed: 1, expiredLeases: 0 });
  });

  it('is in flight with its events and their bytes until it is settled', async () => {
    const scene = new Scene();
    await scene.put(8, 12);
    const consumer = await scene.start(() => scene.clock.sleep(100), { batchSize: 3 });
    await scene.advance(0);
    expect(consumer.inFlight()).toEqual({ events: 3, bytes: '{"n":8}{"n":9}{"n":10}'.length });
    for (let event = 0; event < 4; event++) await scene.advance(100);
    expect(consumer.inFlight()).toEqual({ events: 2, bytes: '{"n":11}{"n":12}'.length });
    await scene.advance(LONG);
    expect(consumer.inFlight()).toEqual({ events: 0, bytes: 0 });
  });

  it('tells its handlers when it is lost, is not settled, and is counted and logged once', async () => {
    const scene = new Scene();
    await scene.put(1, 3);
    const seen: number[] = [];
    let reason: unknown;
    await scene.start(async ({ n }, { signal }) => {
      seen.push(n);
      if (n !== 2 || reason !== undefined) return;
      await scene.clock.sleep(LONG, signal);
      reason = signal.aborted;
    });
    scene.queue.next('extend', async () => {
      throw new PipelineError('LEASE_LOST', 'taken back');
    });
    await scene.advance(LEASE_MS / 3);
    expect(reason).toBe(true);
    expect(scene.lost).toMatchObject([{ events: 3, reason: 'refused' }]);
    expect(scene.messagesAt('warn')).toEqual(['lost a lease; its events come again']);
    expect(scene.queue.callsOf('settle')).toEqual([]);
    await scene.advance(2 * LEASE_MS);
    expect(seen).toEqual([1, 2, 1, 2, 3]);
    await scene.expectLeft({ processed: 3, expiredLeases: 1 });
    expect(scene.lost).toHaveLength(1);
  });

  it('is settled late where its time ran out and nobody has taken it', async () => {
    const scene = new Scene();
    await scene.put(1, 3);
    const seen: number[] = [];
    await scene.start(async ({ n }, { signal }) => {
      seen.push(n);
      if (n === 2 && seen.length === 2) await scene.clock.sleep(LONG, signal);
    });
    scene.queue.next('extend', ...times(100, fails));
    scene.queue.next('reclaim', ...times(100, fails));
    await scene.advance(LEASE_MS);
    expect(seen).toEqual([1, 2, 2, 3]);
    expect(scene.lost).toEqual([]);
    await scene.expectLeft({ processed: 3 });
  });

  it('is lost where its time ran out and another has taken it: settled by that one alone', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    const consumer = await scene.start(async (_, { signal }) => {
      await scene.clock.sleep(LONG, signal);
    });
    scene.queue.next('extend', ...times(100, fails));
    await scene.advance(LEASE_MS - 1);
    const held = scene.queue.callsOf('receive')[0]![0] as { leaseId: string };
    await scene.memory.settle({ partition: 0, id: held.leaseId, size: 1 }, []);
    await scene.advance(1);
    expect(scene.lost).toMatchObject([{ reason: 'deadline-passed' }]);
    await consumer.stop(never);
    await scene.expectLeft({ processed: 1 });
  });

  it('is not extended any more while it is being settled', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    scene.queue.next('settle', ({ proceed }) => scene.clock.sleep(2 * LEASE_MS).then(proceed));
    await scene.start(() => undefined);
    await scene.advance(3 * LEASE_MS);
    expect(scene.queue.callsOf('extend')).toEqual([]);
  });

  it('that was settled by a call without an answer is counted as ambiguous, and nothing else happens', async () => {
    const scene = new Scene();
    await scene.put(1, 3);
    const seen: number[] = [];
    scene.queue.next('settle', async ({ proceed }) => {
      await proceed();
      throw unavailable();
    });
    await scene.start(({ n }) => void seen.push(n));
    await scene.advance(LONG);
    expect(seen).toEqual([1, 2, 3]);
    expect(scene.lost).toMatchObject([{ reason: 'ambiguous' }]);
    await scene.expectLeft({ processed: 3 });
  });

  it('is settled once the queue answers again', async () => {
    const scene = new Scene();
    await scene.put(1, 3);
    scene.queue.next('settle', fails, fails, fails);
    await scene.start(() => undefined);
    await scene.advance(5_000);
    expect(scene.settled).toHaveLength(1);
    expect(scene.messagesAt('warn')).toEqual([
      'the queue does not answer; trying again until it does',
    ]);
    await scene.expectLeft({ processed: 3 });
  });
});

describe('while the queue does not answer', () => {
  it('a consumer waits, logs one line at the beginning and one at the end, and then goes on', async () => {
    const scene = new Scene();
    await scene.put(1, 30);
    scene.queue.next('receive', ...times(200, fails));
    const seen: number[] = [];
    await scene.start(({ n }) => void seen.push(n), { concurrency: 4 });
    await scene.advance(600_000);
    expect(seen.sort((a, b) => a - b)).toEqual(range(1, 30));
    expect(scene.sink.messages.filter((message) => message.startsWith('the queue'))).toEqual([
      'the queue does not answer; trying again until it does',
      'the queue answers again',
    ]);
  });

  it('a consumer that is told to stop ends at once', async () => {
    const scene = new Scene();
    scene.queue.next('receive', ...times(200, fails));
    scene.queue.next('reclaim', ...times(200, fails));
    const consumer = await scene.start(() => undefined, { concurrency: 4 });
    await scene.advance(5_000);
    await consumer.stop(never);
    expect(scene.clock.sleeping).toBe(0);
  });
});
