import { SeededRandom } from '@event-pipeline/runtime/testing';
import { eventIds, writeEventsFile } from './harness/events-file';
import { runProducer, startCollector, startProducer } from './harness/program';
import { ENGINES, type QueueEngine } from './harness/queue-engine';
import { Scratch } from './harness/scratch';
import { TcpProxy, type FaultPlan } from './harness/tcp-proxy';
import { until } from './harness/until';

const BATCHES = 1_000;
const BATCH_SIZE = 50;
const CUTS = 20;
/**
 * Each cut comes before 30 batches have passed: their requests have about 3 KB each, their answers
 * 54 bytes. So the run is not over before the last one.
 */
const MOST_BYTES = { toServer: 80_000, toClient: 1_500 };

const scratch = new Scratch();
afterEach(() => scratch.clean());

/** Cuts the first connections, each after a random number of bytes in a random direction. */
function cutAtRandom(seed: number): FaultPlan {
  const random = new SeededRandom(seed);
  return (connection) => {
    if (connection >= CUTS) return undefined;
    const direction = random.next() < 0.5 ? 'toServer' : 'toClient';
    const afterBytes = 1 + Math.floor(random.next() * MOST_BYTES[direction]);
    return { cut: { direction, afterBytes } };
  };
}

describe.each(ENGINES)('a stream of batches on the %s engine', (_, createEngine) => {
  it('that is cut 20 times at random puts each event into the queue exactly once, in order', async () => {
    const count = BATCHES * BATCH_SIZE;
    const engine = await createEngine(scratch);
    const file = await writeEventsFile(count, scratch);
    const { address } = await startCollector(engine.variables, scratch);
    const proxy = await TcpProxy.start(address, scratch, cutAtRandom(20_251));

    const args = ['--mode', 'batch', '--batch-size', String(BATCH_SIZE), '--file', file];
    const { exit, summary } = await runProducer(proxy.address, args, scratch);
    expect(exit).toEqual({ code: 0, signal: null });
    expect(summary).toMatchObject({ sent: count, acknowledged: count, rejected: 0 });
    expect(summary.acknowledgementLatency.samples).toBeGreaterThanOrEqual(BATCHES);
    expect(proxy.cuts).toBe(CUTS);

    // Answers were lost on the way: their batches came again and were recognised.
    const stats = await engine.stats();
    expect(stats.duplicateBatches).toBeGreaterThan(0);
    expect(stats).toMatchObject({ enqueued: count, pending: count });
    await expectEachOnce(engine, count);
  }, 180_000);

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'whose collector ends by %s in the middle puts each event into the queue exactly once, in order',
    async (signal) => {
      const count = 60_000;
      const engine = await createEngine(scratch);
      const file = await writeEventsFile(count, scratch);
      const collector = await startCollector(engine.variables, scratch);

      const args = ['--mode', 'batch', '--rate', '30000', '--file', file];
      const producer = startProducer(collector.address, args, scratch);
      await until('events arrive', async () => (await engine.stats()).enqueued > 5_000);
      collector.program.signal(signal);
      await collector.program.exited;
      expect((await engine.stats()).enqueued).toBeLessThan(count);
      const port = collector.address.split(':')[1] ?? '';
      await startCollector({ ...engine.variables, COLLECTOR_PORT: port }, scratch);

      expect(await producer.exited).toEqual({ code: 0, signal: null });
      expect(JSON.parse(producer.stdout)).toMatchObject({ sent: count, acknowledged: count });
      await expectEachOnce(engine, count);
    },
    120_000,
  );
});

/** The queue holds the first `count` events, each once and in the order in which they were sent. */
async function expectEachOnce(engine: QueueEngine, count: number): Promise<void> {
  const queued = await engine.eventIds();
  const wrong = eventIds(count).findIndex((id, at) => queued[at] !== id);
  expect({ queued: queued.length, different: new Set(queued).size, wrong }).toEqual({
    queued: count,
    different: count,
    wrong: -1,
  });
}
