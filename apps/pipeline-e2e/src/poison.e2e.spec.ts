import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { QueueStats } from '@event-pipeline/queue';
import { eventId, eventIds } from './harness/events-file';
import { runProducer, startCollector, startWorker } from './harness/program';
import { ENGINES, redisEngine, type QueueEngine } from './harness/queue-engine';
import { Record } from './harness/record';
import { Scratch } from './harness/scratch';
import { until } from './harness/until';

const scratch = new Scratch();
afterEach(() => scratch.clean());

/** Handlers of the single and of the batch form, and the default one. */
const TYPES = ['single', 'batched', 'other'];
const COUNT = 600;
/** Most crashes that halving and counting may take; what it takes is far less. */
const MAX_CRASHES = 40;
const neighboursOf = (poison: string) => eventIds(COUNT).filter((id) => id !== poison);

/** Enqueues events of several types; a worker with these variables takes 100 of them a lease. */
async function setUp(engine: QueueEngine, poison: string, kill: 'now' | 'later') {
  const record = await Record.create('poison among many', scratch);
  const file = join(await scratch.folder(), 'events.ndjson');
  const lines = eventIds(COUNT).map((id, n) =>
    JSON.stringify({ eventId: id, type: TYPES[n % TYPES.length], data: { n } }),
  );
  await writeFile(file, `${lines.join('\n')}\n`);
  const { address } = await startCollector(engine.variables, scratch);
  await runProducer(address, ['--file', file], scratch);
  const variables = {
    ...engine.variables,
    ...record.variables,
    POISON: poison,
    KILL: kill,
    WORKER_CONCURRENCY: '5',
    WORKER_BATCH_SIZE: '100',
    WORKER_LEASE_MS: '1000',
  };
  return { record, variables };
}

/** Starts workers, one after the other as each ends, until the queue is empty. */
async function workUntilEmpty(
  engine: QueueEngine,
  variables: Readonly<{ [name: string]: string }>,
): Promise<{ crashes: number; stats: QueueStats }> {
  const isEmpty = async () => {
    const { pending, suspect, leased, delayed } = await engine.stats();
    return pending + suspect + leased + delayed === 0;
  };
  for (let crashes = 0; ; crashes++) {
    expect(crashes).toBeLessThan(MAX_CRASHES);
    const { program } = await startWorker(variables, scratch);
    let ended = false;
    void program.exited.then(() => (ended = true));
    await until('the worker has crashed, or the queue is empty', async () => ended || isEmpty());
    if (!(await isEmpty())) continue;
    return { crashes, stats: await engine.drained() };
  }
}

describe.each(ENGINES)('an event that ends its worker at once, on the %s engine', (_, create) => {
  it.each([
    ['single form', 0],
    ['batch form', 301],
  ])(
    'is the only dead letter among hundreds, with five leases in hand: %s',
    async (_, n) => {
      const engine = await create(scratch);
      const poison = eventId(n);
      const { record, variables } = await setUp(engine, poison, 'now');
      const { crashes, stats } = await workUntilEmpty(engine, variables);
      expect(stats).toMatchObject({ enqueued: COUNT, processed: COUNT - 1, dead: 1 });
      expect([...new Set(record.eventIds)].sort()).toEqual(neighboursOf(poison));
      expect(crashes).toBeGreaterThanOrEqual(3);
    },
    240_000,
  );
});

describe('an event that ends its worker a moment after its handler returned', () => {
  it('makes a dead letter of no other', async () => {
    const engine = await redisEngine(scratch);
    const poison = eventId(300);
    const { record, variables } = await setUp(engine, poison, 'later');
    const { stats } = await workUntilEmpty(engine, variables);
    const dead = await engine.redis.command('XRANGE', '{event_queue}:dead', '-', '+');
    // Where the queue knew that it was done before the process ended, it is done.
    for (const letter of dead as unknown[]) expect(JSON.stringify(letter)).toContain(poison);
    expect(stats.dead).toBeLessThanOrEqual(1);
    expect(stats.processed).toBe(COUNT - stats.dead);
    expect([...new Set(record.eventIds)].sort()).toEqual(neighboursOf(poison));
  }, 240_000);
});
