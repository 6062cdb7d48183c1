import { readFileSync } from 'node:fs';
import { systemClock } from '@event-pipeline/runtime';
import { followCount } from '../drain-meter';
import { startPublishLoad } from '../load/publish-load';
import { RefusedRun, type Scenario } from '../scenario';
import { SCENARIO_TITLES } from '../scenario-titles';
import {
  insistOnDrained,
  insistOnIntake,
  openBenchQueue,
  startBenchCollector,
  startBenchWorker,
  startRedis,
} from '../servers';
import { median } from '../statistics';

const EVENTS = 500;
/** Linux counts processor time in these. */
const TICKS_PER_SECOND = 100;

export const collectorMemory: Scenario = {
  name: 'collector-memory',
  title: SCENARIO_TITLES['collector-memory'],
  needs: ['redis-server'],
  rounds: 1,
  prepare({ scaled }) {
    if (process.platform !== 'linux') throw new RefusedRun('it reads /proc, which only Linux has');
    const seconds = scaled(600, 6);
    return Promise.resolve({
      conditions: [
        `Batches of ${EVENTS} without a pause for ${seconds} seconds, 64 of them without an answer at most, and a worker that takes them; resident memory read every second. Growth: the last fifth of the time against the second fifth, medians.`,
      ],
      subjects: [
        {
          name: 'collector',
          figures: {
            peak: { title: 'highest resident memory', unit: 'MiB' },
            growth: { title: 'growth', unit: '%' },
            processor: { title: 'share of a core it used', unit: '%' },
          },
          async run(scratch) {
            const queue = await openBenchQueue((await startRedis(scratch)).url, scratch);
            const { address, httpUrl, program } = await startBenchCollector(queue, scratch);
            startBenchWorker(queue, scratch);
            const load = startPublishLoad(
              {
                address,
                method: 'PublishEventStream',
                eventsPerBatch: EVENTS,
                window: 64,
                connections: 2,
                warmUpBatches: 100,
                batches: Number.MAX_SAFE_INTEGER,
                seconds,
              },
              scratch,
            );
            const points: [number, number][] = [];
            const start = systemClock.monotonic();
            const ticks = ticksOf(program.pid);
            let ended = false;
            const over = load.result.finally(() => (ended = true));
            over.catch(() => undefined);
            while (!ended) {
              const at = (systemClock.monotonic() - start) / 1_000;
              points.push([Math.round(at * 10) / 10, residentMiB(program.pid)]);
              await Promise.race([systemClock.sleep(1_000), over]);
            }
            const took = (systemClock.monotonic() - start) / 1_000;
            const used = (ticksOf(program.pid) - ticks) / TICKS_PER_SECOND;
            const sent = (await over).batchesInAll * EVENTS;
            await followCount(async () => (await queue.stats()).processed, sent);
            await insistOnIntake(queue, httpUrl, sent);
            await insistOnDrained(queue, sent);
            const values = {
              peak: points.reduce((max, [, mib]) => Math.max(max, mib), 0),
              growth: growthOf(points.map(([, mib]) => mib)),
              processor: (used / took) * 100,
            };
            return { values, series: points };
          },
        },
      ],
      comparisons: [
        { name: 'highest resident memory, MiB', of: 'collector.peak', goal: { atMost: 200 } },
        { name: 'growth, %', of: 'collector.growth', goal: { atMost: 5 } },
      ],
    });
  },
};

/** By how many percent the last fifth lies above the second one. */
export function growthOf(values: readonly number[]): number {
  const fifth = Math.max(1, Math.floor(values.length / 5));
  const early = median(values.slice(fifth, 2 * fifth));
  return (median(values.slice(-fifth)) / early - 1) * 100;
}

function residentMiB(pid: number): number {
  const kib = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return Math.round((kib / 1_024) * 10) / 10;
}

/** Of processor time, all threads. */
function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
