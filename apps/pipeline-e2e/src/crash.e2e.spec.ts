import { eventId, eventIds, writeEventsFile } from './harness/events-file';
import {
  runProducer,
  startCollector,
  startProducer,
  startWorker,
  type Exit,
} from './harness/program';
import { ENGINES, redisEngine } from './harness/queue-engine';
import { Record } from './harness/record';
import { Scratch } from './harness/scratch';
import { until } from './harness/until';

const scratch = new Scratch();
afterEach(() => scratch.clean());

describe.each(ENGINES)('crashes on the %s engine', (_, createEngine) => {
  it('kill -9 of a worker with leases held, twice: every event is processed, no lease is left', async () => {
    const count = 5_000;
    const engine = await createEngine(scratch);
    const record = await Record.create('single', scratch);
    const file = await writeEventsFile(count, scratch);
    const { address } = await startCollector(engine.variables, scratch);
    await runProducer(address, ['--file', file], scratch);

    const variables = {
      ...engine.variables,
      ...record.variables,
      WORKER_LEASE_MS: '1000',
      WORKER_BATCH_SIZE: '100',
    };
    for (let crash = 1; crash <= 2; crash++) {
      const { program } = await startWorker(variables, scratch);
      const before = record.eventIds.length;
      await until(
        'the worker is in the middle of batches',
        () => record.eventIds.length > before + 250,
      );
      await program.kill9();
      const { leases, leased } = await engine.stats();
      expect(leases).toBeGreaterThan(0);
      expect(leased).toBeGreaterThan(0);
    }

    await startWorker(variables, scratch);
    const stats = await engine.drained();
    expect(stats).toMatchObject({ enqueued: count, processed: count, dead: 0, leases: 0 });
    expect(stats.expiredLeases).toBeGreaterThan(1);
    expect([...new Set(record.eventIds)].sort()).toEqual(eventIds(count));
  }, 120_000);

  it.each([
    [
      'kill -9 of the collector in mid-stream: what it acknowledged is processed',
      'SIGKILL',
      { code: null, signal: 'SIGKILL' },
    ],
    [
      'SIGTERM of the collector under load: exit code 0, and what it acknowledged is processed',
      'SIGTERM',
      { code: 0, signal: null },
    ],
  ] as const)(
    '%s',
    async (_, signal, exit) => {
      const count = 60_000;
      const engine = await createEngine(scratch);
      const record = await Record.create('batch', scratch);
      const file = await writeEventsFile(count, scratch);
      const collector = await startCollector(engine.variables, scratch);
      await startWorker({ ...engine.variables, ...record.variables }, scratch);

      const args = ['--mode', 'stream', '--file', file];
      const producer = startProducer(collector.address, args, scratch);
      await until('events arrive', async () => (await engine.stats()).enqueued > 5_000);
      collector.program.signal(signal);
      expect(await collector.program.exited).toEqual(exit);
      const port = collector.address.split(':')[1] ?? '';
      await startCollector({ ...engine.variables, COLLECTOR_PORT: port }, scratch);

      expect(await producer.exited).toEqual({ code: 0, signal: null });
      expect(JSON.parse(producer.stdout)).toMatchObject({ acknowledged: count });
      await engine.drained();
      expect([...new Set(record.eventIds)].sort()).toEqual(eventIds(count));
    },
    120_000,
  );

  it('an event that ends every worker becomes a dead letter alone; its neighbours are processed', async () => {
    const count = 8;
    const engine = await createEngine(scratch);
    const record = await Record.create('poison', scratch);
    const file = await writeEventsFile(count, scratch);
    const { address } = await startCollector(engine.variables, scratch);
    await runProducer(address, ['--file', file], scratch);

    const variables = {
      ...engine.variables,
      ...record.variables,
      POISON: eventId(3),
      WORKER_LEASE_MS: '1000',
    };
    const isDead = async () => (await engine.stats()).dead > 0;
    for (let crashes = 0; !(await isDead()); crashes++) {
      expect(crashes).toBeLessThan(20);
      const { program } = await startWorker(variables, scratch);
      let exit: Exit | undefined;
      void program.exited.then((ended) => (exit = ended));
      await until('the worker has crashed, or the event is dead', async () => exit ?? isDead());
      expect(exit?.code).not.toBe(0);
    }
    await startWorker(variables, scratch);
    expect(await engine.drained()).toMatchObject({ processed: count - 1, dead: 1 });
    expect(new Set(record.eventIds)).toEqual(
      new Set(eventIds(count).filter((id) => id !== eventId(3))),
    );
  }, 120_000);

  it('SIGTERM of a worker in mid-batch: exit code 0, its events go on at once, uncounted', async () => {
    const count = 3_000;
    const engine = await createEngine(scratch);
    const record = await Record.create('single', scratch);
    const file = await writeEventsFile(count, scratch);
    const { address } = await startCollector(engine.variables, scratch);
    await runProducer(address, ['--file', file], scratch);

    const variables = { ...engine.variables, ...record.variables, WORKER_LEASE_MS: '600000' };
    const { program } = await startWorker(variables, scratch);
    await until('the worker is in the middle of batches', () => record.eventIds.length > 200);
    expect(await program.stop()).toEqual({ code: 0, signal: null });
    expect(await engine.stats()).toMatchObject({ leased: 0, leases: 0 });

    await startWorker(variables, scratch);
    expect(await engine.drained()).toMatchObject({
      processed: count,
      expiredLeases: 0,
      retried: 0,
    });
    expect(record.eventIds.sort()).toEqual(eventIds(count));
  }, 120_000);
});

describe('crashes of Redis', () => {
  it('kill -9 of Redis during ingest, restarted: every acknowledged event is processed', async () => {
    const count = 60_000;
    const engine = await redisEngine(scratch);
    const record = await Record.create('batch', scratch);
    const file = await writeEventsFile(count, scratch);
    const variables = { ...engine.variables, WORKER_LEASE_MS: '2000' };
    const { address } = await startCollector(variables, scratch);
    await startWorker({ ...variables, ...record.variables }, scratch);

    const producer = startProducer(address, ['--mode', 'stream', '--file', file], scratch);
    for (const enqueued of [5_000, 25_000]) {
      await until('events arrive', async () => (await engine.stats()).enqueued > enqueued);
      await engine.redis.kill9();
      await engine.redis.restart();
    }
    expect(await producer.exited).toEqual({ code: 0, signal: null });
    expect(JSON.parse(producer.stdout)).toMatchObject({ acknowledged: count, rejected: 0 });
    await engine.drained();
    expect([...new Set(record.eventIds)].sort()).toEqual(eventIds(count));
  }, 120_000);
});
