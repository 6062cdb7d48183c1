import { metricSum, until, type Scratch } from '@event-pipeline/runtime/testing';
import { drainRate } from '../drain-meter';
import { startNats } from '../nats-server';
import { insistOn, type Scenario, type Subject } from '../scenario';
import { SCENARIO_TITLES } from '../scenario-titles';
import {
  insistOnDrained,
  openBenchQueue,
  runBaseline,
  startBaseline,
  startBenchWorker,
  startRedis,
} from '../servers';

/** What is tried for BullMQ before the first round; the fastest is taken. */
const CONCURRENCIES = [20, 50, 100, 200, 500];

export const workerDrain: Scenario = {
  name: 'worker-drain',
  title: SCENARIO_TITLES['worker-drain'],
  needs: ['redis-server'],
  async prepare({ scaled, scratch, tell }) {
    const [events, others] = [scaled(1_000_000, 50_000), scaled(100_000, 5_000)];
    const trial = scaled(20_000, 2_000);
    let best = { concurrency: 0, rate: 0 };
    for (const concurrency of CONCURRENCIES) {
      const rate = await drainBullmq(trial, concurrency, scratch);
      tell(`  BullMQ with concurrency ${concurrency}: ${Math.round(rate)} events/s`);
      if (rate > best.rate) best = { concurrency, rate };
      await scratch.clean();
    }
    const subject = (name: string, title: string, run: (scratch: Scratch) => Promise<number>) => ({
      name,
      figures: { rate: { title, unit: 'events/s' as const } },
      run: async (runs: Scratch) => ({ values: { rate: await run(runs) } }),
    });
    const subjects: readonly Subject[] = [
      subject('ours', 'this worker, on Redis', (runs) => drainOurs(events, runs)),
      subject('bullmq', 'BullMQ', (runs) => drainBullmq(others, best.concurrency, runs)),
      {
        ...subject('nats', 'NATS JetStream', (runs) => drainNats(others, runs)),
        needs: ['nats-server'],
      },
    ];
    return {
      conditions: [
        `A backlog of ${events} events, ${others} for BullMQ and NATS; timed from its first twentieth to its end, so without the start of the worker.`,
        `BullMQ with concurrency ${best.concurrency}, the fastest of ${CONCURRENCIES.join(', ')}; NATS as shipped, which syncs its files every two minutes, where Redis syncs each write.`,
      ],
      subjects,
      comparisons: [
        { name: 'ours to BullMQ', of: 'ours.rate', over: 'bullmq.rate', goal: { atLeast: 20 } },
        { name: 'ours to NATS', of: 'ours.rate', over: 'nats.rate', goal: { atLeast: 1 } },
      ],
    };
  },
};

async function drainOurs(events: number, scratch: Scratch): Promise<number> {
  const queue = await openBenchQueue((await startRedis(scratch)).url, scratch);
  await queue.fill(events);
  startBenchWorker(queue, scratch);
  const rate = await drainRate(async () => (await queue.stats()).processed, events);
  await insistOnDrained(queue, events);
  return rate;
}

async function drainBullmq(events: number, concurrency: number, scratch: Scratch): Promise<number> {
  const redis = await startRedis(scratch);
  await runBaseline('bullmq/fill.mjs', [redis.port, events], scratch);
  const length = async (list: string) => Number(await redis.command('LLEN', `bull:bench:${list}`));
  insistOn('events that BullMQ holds', await length('wait'), events);
  const options = { role: 'worker', args: [redis.port, concurrency] } as const;
  const worker = await startBaseline('bullmq/worker.mjs', options, scratch);
  const rate = await drainRate(() => metricSum(worker.httpUrl, 'events'), events);
  insistOn('events left in BullMQ', (await length('wait')) + (await length('active')), 0);
  insistOn('failures of BullMQ', await metricSum(worker.httpUrl, 'failed'), 0);
  return rate;
}

async function drainNats(events: number, scratch: Scratch): Promise<number> {
  const port = await startNats(scratch);
  await runBaseline('nats/fill.mjs', [port, events], scratch);
  const worker = await startBaseline('nats/worker.mjs', { role: 'worker', args: [port] }, scratch);
  const rate = await drainRate(() => metricSum(worker.httpUrl, 'events'), events);
  await until('NATS knows of every acknowledgement', async () => {
    return (await metricSum(worker.httpUrl, 'left')) === 0;
  });
  insistOn('failures and redeliveries of NATS', await metricSum(worker.httpUrl, 'failed'), 0);
  return rate;
}
