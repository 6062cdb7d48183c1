import { partitionOf } from '@event-pipeline/queue';
import { eventIds, writeEventsFile } from './harness/events-file';
import { runProducer, startCollector, startProducer, startWorker } from './harness/program';
import { clusterEngine, ENGINES } from './harness/queue-engine';
import { Record } from './harness/record';
import { Scratch } from './harness/scratch';
import { until } from './harness/until';

const EVENTS = 20_000;
const MODES = [['batch'], ['stream']];

const ALL_ENGINES = [...ENGINES, ['Redis Cluster', clusterEngine] as const];

const scratch = new Scratch();
afterEach(() => scratch.clean());

describe.each(ALL_ENGINES)('a queue with partitions on the %s engine', (_, createEngine) => {
  it('spreads events evenly, and each partition keeps its order', async () => {
    const engine = await createEngine(scratch);
    const record = await Record.create('batch', scratch);
    const file = await writeEventsFile(EVENTS, scratch);
    const variables = { ...engine.variables, QUEUE_PARTITIONS: '4' };
    const { address } = await startCollector(variables, scratch);
    await startWorker(
      { ...engine.variables, ...record.variables, WORKER_CONCURRENCY: '1' },
      scratch,
    );

    const { summary } = await runProducer(address, ['--file', file], scratch);
    expect(summary).toMatchObject({ acknowledged: EVENTS, rejected: 0 });
    await engine.drained();

    const ids = eventIds(EVENTS);
    const handled = record.eventIds;
    for (const [partition, { processed }] of (await engine.partitionStats()).entries()) {
      const expected = ids.filter((id) => partitionOf(id, 4) === partition);
      const found = handled.filter((id) => partitionOf(id, 4) === partition);
      expect(processed).toBe(expected.length);
      expect(expected.findIndex((id, at) => found[at] !== id)).toBe(-1);
    }
    expect(handled).toHaveLength(EVENTS);
  }, 180_000);

  it.each(MODES)(
    'is given more partitions and fewer while a producer (--mode %s) and three workers are at it',
    async (mode) => {
      const engine = await createEngine(scratch);
      const record = await Record.create('batch', scratch);
      const variables = { ...engine.variables, QUEUE_PARTITIONS: '2' };
      const { address } = await startCollector(variables, scratch);
      const worker = { ...engine.variables, ...record.variables, WORKER_BATCH_SIZE: '50' };
      for (let i = 0; i < 3; i++) await startWorker(worker, scratch);

      const options = ['--count', String(EVENTS), '--rate', '6000', '--mode', mode!];
      const producer = startProducer(address, options, scratch);
      let isSending = true;
      void producer.exited.then(() => (isSending = false));
      for (const partitions of [6, 2, 5]) {
        const before = record.eventIds.length;
        await until('more events were handled', () => {
          return !isSending || record.eventIds.length >= before + EVENTS / 8;
        });
        // Fewer only while those that go are empty: under load that may take until its end.
        await until('the queue has as many partitions', async () => {
          await engine.resize(partitions);
          return true;
        });
      }
      expect(await producer.exited).toEqual({ code: 0, signal: null });

      await engine.resize(6);
      expect(await engine.drained()).toMatchObject({ enqueued: EVENTS, processed: EVENTS });
      expect(new Set(record.eventIds).size).toBe(EVENTS);
      expect(record.eventIds).toHaveLength(EVENTS);
    },
    180_000,
  );
});

describe('a queue on a Redis Cluster whose slots move', () => {
  it('loses and doubles nothing, and every node has its share', async () => {
    const engine = await clusterEngine(scratch);
    const { cluster } = engine;
    const record = await Record.create('batch', scratch);
    const variables = { ...engine.variables, QUEUE_PARTITIONS: '6' };
    const { address } = await startCollector(variables, scratch);
    const worker = { ...engine.variables, ...record.variables, WORKER_BATCH_SIZE: '50' };
    for (let i = 0; i < 3; i++) await startWorker(worker, scratch);

    const producer = startProducer(address, ['--count', String(EVENTS), '--rate', '4000'], scratch);
    await until('events come', async () => (await engine.stats()).processed > 0);
    const slots = [0, 1, 2, 3, 4, 5].map((partition) =>
      cluster.slotOf(partition === 0 ? 'event_queue' : `event_queue:${partition}`),
    );
    const owners = await Promise.all(slots.map((slot) => cluster.ownerOf(slot)));
    expect(new Set(owners.map(({ port }) => port)).size).toBe(3);

    let moves = 0;
    for (let round = 0; round < 3; round++) {
      for (const slot of slots) {
        const owner = await cluster.ownerOf(slot);
        const at = cluster.nodes.indexOf(owner);
        await cluster.moveSlot(slot, cluster.nodes[(at + 1) % 3]!);
        moves += 1;
      }
    }
    expect(moves).toBe(18);
    expect(await producer.exited).toEqual({ code: 0, signal: null });

    expect(await engine.drained()).toMatchObject({ enqueued: EVENTS, processed: EVENTS });
    expect(new Set(record.eventIds).size).toBe(EVENTS);
    for (const { enqueued } of await engine.partitionStats()) {
      expect(Math.abs(enqueued - EVENTS / 6)).toBeLessThan(EVENTS / 30);
    }
  }, 180_000);
});
