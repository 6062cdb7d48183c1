import { metricSum, type Scratch } from '@event-pipeline/runtime/testing';
import { runPublishLoad, type PublishLoad, type PublishResult } from '../load/publish-load';
import { insistOn, type Scenario, type Subject } from '../scenario';
import { SCENARIO_TITLES } from '../scenario-titles';
import {
  insistOnIntake,
  openBenchQueue,
  startBaseline,
  startBenchCollector,
  startRedis,
} from '../servers';

const SHARE = 0.2;
const EVENTS = 500;
type Way = Pick<PublishLoad, 'method' | 'eventsPerBatch' | 'window' | 'connections'>;
/** The windows are those with which the highest rate is found. */
const BATCHES: Way = {
  method: 'PublishEventStream',
  eventsPerBatch: EVENTS,
  window: 64,
  connections: 2,
};
const SINGLES: Way = { method: 'PublishEvents', eventsPerBatch: 1, window: 128, connections: 2 };
type Amount = Pick<PublishLoad, 'warmUpBatches' | 'batches' | 'batchesPerSecond'>;

export const ackLatency: Scenario = {
  name: 'ack-latency',
  title: SCENARIO_TITLES['ack-latency'],
  needs: ['redis-server'],
  async prepare({ scaled, scratch, tell }) {
    const highest = async (way: Way, batches: number) => {
      const amount = { warmUpBatches: Math.ceil(batches / 5), batches };
      const { seconds } = await publishToOurs(way, amount, scratch);
      await scratch.clean();
      return batches / seconds;
    };
    const mostBatches = await highest(BATCHES, scaled(4_000, 100));
    const mostSingles = await highest(SINGLES, scaled(100_000, 2_000));
    tell(
      `  highest rates: ${Math.round(mostBatches)} batches/s, ${Math.round(mostSingles)} calls/s`,
    );
    const seconds = scaled(30, 2);
    const at = (most: number): Amount => {
      const batchesPerSecond = most * SHARE;
      const batches = Math.max(100, Math.round(batchesPerSecond * seconds));
      return { batchesPerSecond, batches, warmUpBatches: Math.ceil(batches / 10) };
    };
    const subject = (
      name: string,
      title: string,
      run: (runs: Scratch) => Promise<PublishResult>,
    ) => {
      const figures: Subject['figures'] = {
        p99: { title: `${title}, p99`, unit: 'ms' },
        p50: { title: `${title}, p50`, unit: 'ms' },
      };
      const measured = async (runs: Scratch) => {
        const { p50Ms, p99Ms } = await run(runs);
        return { values: { p99: p99Ms, p50: p50Ms } };
      };
      return { name, figures, run: measured };
    };
    const [batches, singles] = [at(mostBatches), at(mostSingles)];
    return {
      conditions: [
        `Batches of ${EVENTS} on PublishEventStream at ${Math.round(SHARE * mostBatches)} a second, and single events by PublishEvents at ${Math.round(SHARE * mostSingles)} a second: ${SHARE * 100} % of the highest rate of each, found before the first round. The bare call does one LPUSH of one event, at the same number of calls a second.`,
        `${seconds} seconds each after a tenth more as warm-up; latency from sending to the answer.`,
      ],
      subjects: [
        subject('batch', `a batch of ${EVENTS}`, (runs) => publishToOurs(BATCHES, batches, runs)),
        subject('bare-batch', 'bare call, as often', (runs) => publishToBare(batches, runs)),
        subject('single', 'a single event', (runs) => publishToOurs(SINGLES, singles, runs)),
        subject('bare-single', 'bare call, as often as these', (runs) =>
          publishToBare(singles, runs),
        ),
      ],
      comparisons: [
        {
          name: 'p99, batch to bare call',
          of: 'batch.p99',
          over: 'bare-batch.p99',
          goal: { atMost: 5 },
        },
        {
          name: 'p99, single to bare call',
          of: 'single.p99',
          over: 'bare-single.p99',
          goal: { atMost: 5 },
        },
      ],
    };
  },
};

async function publishToOurs(way: Way, amount: Amount, scratch: Scratch): Promise<PublishResult> {
  const queue = await openBenchQueue((await startRedis(scratch)).url, scratch);
  const { address, httpUrl } = await startBenchCollector(queue, scratch);
  const result = await runPublishLoad({ ...way, ...amount, address }, scratch);
  insistOn('batches answered', result.batches, amount.batches);
  await insistOnIntake(queue, httpUrl, result.batchesInAll * way.eventsPerBatch);
  return result;
}

async function publishToBare(amount: Amount, scratch: Scratch): Promise<PublishResult> {
  const redis = await startRedis(scratch);
  const options = { role: 'server', redis } as const;
  const server = await startBaseline('bare-server/bare-server.js', options, scratch);
  const result = await runPublishLoad({ ...SINGLES, ...amount, address: server.address }, scratch);
  insistOn('batches answered', result.batches, amount.batches);
  const inRedis = Number(await redis.command('LLEN', 'event_queue'));
  insistOn('events in Redis', inRedis, result.batchesInAll);
  insistOn('failed calls', await metricSum(server.httpUrl, 'failed'), 0);
  return result;
}
