import { systemClock } from '@event-pipeline/runtime';
import {
  NodeProgram,
  inWorkspace,
  metricSum,
  startProducer,
  type Scratch,
} from '@event-pipeline/runtime/testing';
import { followCount } from '../drain-meter';
import { pin } from '../placement';
import { insistOn, type Scenario, type Subject } from '../scenario';
import { SCENARIO_TITLES } from '../scenario-titles';
import {
  insistOnDrained,
  insistOnIntake,
  openBenchQueue,
  startBaseline,
  startBenchCollector,
  startBenchWorker,
  startRedis,
} from '../servers';

const CONNECTIONS = 1;

/** Own producer, collector, queue and worker, which is there before the first event. */
function ours(name: 'redis' | 'embedded', title: string, events: number): Subject {
  return {
    name,
    figures: { rate: { title, unit: 'events/s' } },
    async run(scratch) {
      const url =
        name === 'redis' ? (await startRedis(scratch)).url : `embedded:${await scratch.folder()}`;
      const queue = await openBenchQueue(url, scratch);
      const { address, httpUrl } = await startBenchCollector(queue, scratch);
      const worker = startBenchWorker(queue, scratch);
      await worker.logged('that it started', ({ msg }) => /^Worker started/.test(msg ?? ''));
      const processed = async () => (await queue.stats()).processed;
      const produce = (count: number) => {
        const program = startProducer(address, producerArgs(count), scratch);
        pin(program.pid, 'load');
        return program;
      };
      const warmUp = warmUpOf(events);
      const first = produce(warmUp);
      await followCount(processed, warmUp);
      insistOn('exit code of the producer', (await first.exited).code ?? -1, 0);
      const start = systemClock.monotonic();
      const producer = produce(events);
      const counts = await followCount(processed, warmUp + events);
      const seconds = ((counts.at(-1)?.ms ?? NaN) - start) / 1_000;
      insistOn('exit code of the producer', (await producer.exited).code ?? -1, 0);
      await insistOnIntake(queue, httpUrl, warmUp + events);
      await insistOnDrained(queue, warmUp + events);
      return { values: { rate: events / seconds } };
    },
  };
}

function seed(events: number): Subject {
  return {
    name: 'seed',
    figures: { rate: { title: "the seed's design", unit: 'events/s' } },
    async run(scratch) {
      const redis = await startRedis(scratch);
      const collector = await startBaseline(
        'seed/collector.mjs',
        { role: 'server', redis },
        scratch,
      );
      const worker = await startBaseline('seed/worker.mjs', { role: 'worker', redis }, scratch);
      const processed = () => metricSum(worker.httpUrl, 'events');
      const warmUp = warmUpOf(events);
      await produceAsSeed(collector.address, warmUp, scratch);
      await followCount(processed, warmUp);
      const start = systemClock.monotonic();
      const produced = produceAsSeed(collector.address, events, scratch);
      const counts = await followCount(processed, warmUp + events);
      const seconds = ((counts.at(-1)?.ms ?? NaN) - start) / 1_000;
      await produced;
      insistOn('events left in the list', Number(await redis.command('LLEN', 'event_queue')), 0);
      insistOn('failures of the collector', await metricSum(collector.httpUrl, 'failed'), 0);
      insistOn('failures of the worker', await metricSum(worker.httpUrl, 'failed'), 0);
      return { values: { rate: events / seconds } };
    },
  };
}

async function produceAsSeed(address: string, count: number, scratch: Scratch): Promise<void> {
  const script = inWorkspace('bench/baselines/seed/producer.mjs');
  const args = [address, String(count)];
  const program = new NodeProgram({ name: 'seed producer', script, args, logs: false }, scratch);
  pin(program.pid, 'load');
  insistOn("exit code of the seed's producer", (await program.exited).code ?? -1, 0);
}

function producerArgs(events: number): readonly string[] {
  return ['--count', String(events), '--connections', String(CONNECTIONS)];
}

function warmUpOf(events: number): number {
  return Math.ceil(events / 10);
}

const HOW =
  'Timed from the start of the producer, its process included, to the last event processed; collector and worker were warmed up by a tenth of the events before. Handlers are empty.';

export const endToEnd: Scenario = {
  name: 'end-to-end',
  title: SCENARIO_TITLES['end-to-end'],
  needs: ['redis-server'],
  prepare({ scaled }) {
    const [events, seedEvents] = [scaled(1_000_000, 20_000), scaled(50_000, 2_000)];
    return Promise.resolve({
      conditions: [`${events} events, ${seedEvents} through the seed's design.`, HOW],
      subjects: [ours('redis', 'this pipeline, on Redis', events), seed(seedEvents)],
      comparisons: [
        { name: 'ours to seed', of: 'redis.rate', over: 'seed.rate', goal: { atLeast: 20 } },
      ],
    });
  },
};

export const endToEndEmbedded: Scenario = {
  name: 'end-to-end-embedded',
  title: SCENARIO_TITLES['end-to-end-embedded'],
  needs: ['redis-server'],
  prepare({ scaled }) {
    const events = scaled(1_000_000, 20_000);
    return Promise.resolve({
      conditions: [`${events} events.`, HOW],
      subjects: [
        ours('embedded', 'this pipeline, embedded', events),
        ours('redis', 'this pipeline, on Redis', events),
      ],
      comparisons: [
        {
          name: 'embedded to Redis',
          of: 'embedded.rate',
          over: 'redis.rate',
          goal: { atLeast: 0.6 },
        },
      ],
    });
  },
};
