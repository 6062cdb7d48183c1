import { Event } from '@event-pipeline/contracts';
import { systemClock } from '@event-pipeline/runtime';
import { metricSum, until, type Scratch } from '@event-pipeline/runtime/testing';
import { benchEvents } from '../load/bench-events';
import { grpcBody } from '../load/grpc-frame';
import { runH2load } from '../load/h2load';
import { insistOn, type Figure, type Scenario, type Subject } from '../scenario';
import { SCENARIO_TITLES } from '../scenario-titles';
import {
  insistOnIntake,
  openBenchQueue,
  startBaseline,
  startBenchCollector,
  startRedis,
} from '../servers';

const EVENTS_PER_STREAM = 1_000;
const CONNECTIONS = 2;
const STREAMS = 4;
const SETTLE_LIMIT_MS = 2 * 60_000;

const rate = (title: string): { readonly rate: Figure } => ({ rate: { title, unit: 'events/s' } });

/** What takes the streams in. */
interface Target {
  readonly address: string;
  /** Whether it answers before its queue has everything: then that is waited for, and timed. */
  readonly answersEarly: boolean;
  /** Events that it, or its queue, has counted so far. */
  counted(): Promise<number>;
  /** Insists that exactly so many arrived and nothing failed. */
  check(sent: number): Promise<void>;
}

export const streamEvents: Scenario = {
  name: 'stream-events',
  title: SCENARIO_TITLES['stream-events'],
  needs: ['h2load', 'redis-server'],
  prepare({ scaled }) {
    const streams = scaled(1_000, 20);
    const seedStreams = scaled(200, 20);
    const body = grpcBody(benchEvents(EVENTS_PER_STREAM).map((e) => Event.encode(e).finish()));
    const measure = async (target: Target, requests: number, scratch: Scratch) => {
      const warmUp = Math.ceil(requests / 5);
      await send(target, body, warmUp, 0, scratch);
      const before = warmUp * EVENTS_PER_STREAM;
      await target.check(before);
      const seconds = await send(target, body, requests, before, scratch);
      await target.check(before + requests * EVENTS_PER_STREAM);
      return { values: { rate: (requests * EVENTS_PER_STREAM) / seconds } };
    };
    const subjects: readonly Subject[] = [
      {
        name: 'ours',
        figures: rate('this collector, on Redis'),
        run: async (scratch) => measure(await ourCollector(scratch), streams, scratch),
      },
      {
        name: 'bare',
        figures: rate('bare grpc-js server'),
        run: async (scratch) => measure(await bareServer(scratch), streams, scratch),
      },
      {
        name: 'seed',
        figures: rate("the seed's collector"),
        run: async (scratch) => measure(await seedCollector(scratch), seedStreams, scratch),
      },
    ];
    return Promise.resolve({
      conditions: [
        `h2load, ${CONNECTIONS} connections of ${STREAMS} streams at once, ${EVENTS_PER_STREAM} events a stream, one a message; ${streams} streams, ${seedStreams} to the seed's collector, after a fifth more as warm-up.`,
        'A run ends when every event is counted: by the queue, by the bare server, in the list of the seed.',
      ],
      subjects,
      comparisons: [
        { name: 'ours to bare', of: 'ours.rate', over: 'bare.rate', goal: { atLeast: 0.9 } },
        { name: 'ours to seed', of: 'ours.rate', over: 'seed.rate', goal: { atLeast: 7 } },
      ],
    });
  },
};

/** Seconds until all of it is counted. */
async function send(
  target: Target,
  body: Buffer,
  requests: number,
  before: number,
  scratch: Scratch,
): Promise<number> {
  const { seconds } = await runH2load(
    {
      address: target.address,
      path: '/event.EventService/StreamEvents',
      body,
      requests,
      connections: CONNECTIONS,
      streamsPerConnection: STREAMS,
    },
    scratch,
  );
  const answeredAt = systemClock.monotonic();
  const expected = before + requests * EVENTS_PER_STREAM;
  if (!target.answersEarly || (await target.counted()) >= expected) return seconds;
  await until('all is counted', async () => (await target.counted()) >= expected, SETTLE_LIMIT_MS);
  return seconds + (systemClock.monotonic() - answeredAt) / 1_000;
}

async function ourCollector(scratch: Scratch): Promise<Target> {
  const redis = await startRedis(scratch);
  const queue = await openBenchQueue(redis.url, scratch);
  const { address, httpUrl } = await startBenchCollector(queue, scratch);
  return {
    address,
    answersEarly: false,
    counted: async () => (await queue.stats()).enqueued,
    check: (sent) => insistOnIntake(queue, httpUrl, sent),
  };
}

async function bareServer(scratch: Scratch): Promise<Target> {
  const server = await startBaseline('bare-server/bare-server.js', { role: 'server' }, scratch);
  const counted = () => metricSum(server.httpUrl, 'events');
  return {
    address: server.address,
    answersEarly: false,
    counted,
    async check(sent) {
      insistOn('events that the bare server counts', await counted(), sent);
      insistOn('failed calls', await metricSum(server.httpUrl, 'failed'), 0);
    },
  };
}

async function seedCollector(scratch: Scratch): Promise<Target> {
  const redis = await startRedis(scratch);
  const server = await startBaseline('seed/collector.mjs', { role: 'server', redis }, scratch);
  const counted = async () => Number(await redis.command('LLEN', 'event_queue'));
  return {
    address: server.address,
    answersEarly: true,
    counted,
    async check(sent) {
      insistOn('events in the list of the seed', await counted(), sent);
      insistOn('failed calls', await metricSum(server.httpUrl, 'failed'), 0);
    },
  };
}
