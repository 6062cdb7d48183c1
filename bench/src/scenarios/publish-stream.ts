import { metricSum } from '@event-pipeline/runtime/testing';
import { runPublishLoad } from '../load/publish-load';
import { insistOn, type Scenario } from '../scenario';
import { SCENARIO_TITLES } from '../scenario-titles';
import {
  insistOnIntake,
  openBenchQueue,
  startBaseline,
  startBenchCollector,
  startRedis,
} from '../servers';

const EVENTS = 500;

export const publishStream: Scenario = {
  name: 'publish-stream',
  title: SCENARIO_TITLES['publish-stream'],
  needs: ['redis-server'],
  prepare({ scaled }) {
    const batches = scaled(4_000, 100);
    const load = {
      method: 'PublishEventStream',
      eventsPerBatch: EVENTS,
      window: 64,
      connections: 2,
      warmUpBatches: Math.ceil(batches / 5),
      batches,
    } as const;
    return Promise.resolve({
      conditions: [
        `${load.connections} streams, ${load.window} batches without an answer at most, ${batches} batches of ${EVENTS} events after ${load.warmUpBatches} as warm-up; each batch under an id of its own, each answer checked.`,
      ],
      subjects: [
        {
          name: 'ours',
          figures: { rate: { title: 'this collector, on Redis', unit: 'events/s' } },
          async run(scratch) {
            const queue = await openBenchQueue((await startRedis(scratch)).url, scratch);
            const { address, httpUrl } = await startBenchCollector(queue, scratch);
            const result = await runPublishLoad({ ...load, address }, scratch);
            await insistOnIntake(queue, httpUrl, result.batchesInAll * EVENTS);
            insistOn('batches answered', result.batches, batches);
            return { values: { rate: (batches * EVENTS) / result.seconds } };
          },
        },
        {
          name: 'bare',
          figures: { rate: { title: 'bare grpc-js server', unit: 'events/s' } },
          async run(scratch) {
            const script = 'bare-server/bare-server.js';
            const { address, httpUrl } = await startBaseline(script, { role: 'server' }, scratch);
            const result = await runPublishLoad({ ...load, address }, scratch);
            const counted = await metricSum(httpUrl, 'events');
            insistOn('events counted', counted, result.batchesInAll * EVENTS);
            insistOn('failed calls', await metricSum(httpUrl, 'failed'), 0);
            insistOn('batches answered', result.batches, batches);
            return { values: { rate: (batches * EVENTS) / result.seconds } };
          },
        },
      ],
      comparisons: [
        { name: 'ours to bare', of: 'ours.rate', over: 'bare.rate', goal: { atLeast: 0.8 } },
      ],
    });
  },
};
