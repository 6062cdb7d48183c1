import { freemem } from 'node:os';
import type { Scratch } from '@event-pipeline/runtime/testing';
import { followCount, rateAfter } from '../drain-meter';
import { runPublishLoad } from '../load/publish-load';
import { insistOn, RefusedRun, type Measured, type Scenario, type Subject } from '../scenario';
import { SCENARIO_TITLES } from '../scenario-titles';
import {
  insistOnConserved,
  insistOnIntake,
  openBenchQueue,
  startBenchCollector,
  startBenchWorker,
  startRedis,
} from '../servers';

const EVENTS = 500;
/** Of Redis, with room to spare. */
const BYTES_PER_EVENT = 400;

export const backlog: Scenario = {
  name: 'backlog',
  title: SCENARIO_TITLES.backlog,
  needs: ['redis-server'],
  prepare({ scaled }) {
    const [deep, shallow] = [scaled(10_000_000, 100_000), 10_000];
    const moved = scaled(1_000_000, 50_000);
    if (freemem() < deep * BYTES_PER_EVENT) {
      const gib = Math.ceil((deep * BYTES_PER_EVENT) / 2 ** 30);
      throw new RefusedRun(`a backlog of ${deep} events needs ${gib} GiB of free memory`);
    }
    const side = (name: string, depth: number): Subject => ({
      name,
      figures: {
        in: { title: `in, before it ${depth} events`, unit: 'events/s' },
        out: { title: `out, behind it ${depth} events`, unit: 'events/s' },
      },
      run: (scratch) => measure(depth, moved, scratch),
    });
    return Promise.resolve({
      conditions: [
        `With ${deep} or ${shallow} events in the queue, ${moved} are sent through the collector, no worker there; then a worker takes as many, so that the backlog is the same again.`,
      ],
      subjects: [side('shallow', shallow), side('deep', deep)],
      comparisons: [
        { name: 'in, deep to shallow', of: 'deep.in', over: 'shallow.in', goal: { atLeast: 0.9 } },
        {
          name: 'out, deep to shallow',
          of: 'deep.out',
          over: 'shallow.out',
          goal: { atLeast: 0.9 },
        },
      ],
    });
  },
};

async function measure(depth: number, moved: number, scratch: Scratch): Promise<Measured> {
  const queue = await openBenchQueue((await startRedis(scratch)).url, scratch);
  await queue.fill(depth);
  const collector = await startBenchCollector(queue, scratch);
  const batches = Math.round(moved / EVENTS);
  const sent = await runPublishLoad(
    {
      address: collector.address,
      method: 'PublishEventStream',
      eventsPerBatch: EVENTS,
      window: 64,
      connections: 2,
      warmUpBatches: Math.ceil(batches / 5),
      batches,
    },
    scratch,
  );
  insistOn('batches answered', sent.batches, batches);
  const all = depth + sent.batchesInAll * EVENTS;
  await insistOnIntake(queue, collector.httpUrl, all, depth);
  await collector.program.stop();
  const taken = sent.batchesInAll * EVENTS;
  const worker = startBenchWorker(queue, scratch);
  const processed = async () => (await queue.stats()).processed;
  const counts = await followCount(processed, all, taken);
  const out = rateAfter(taken / 20, counts);
  await worker.stop();
  await insistOnConserved(queue, all);
  return { values: { in: (batches * EVENTS) / sent.seconds, out } };
}
