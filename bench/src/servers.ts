import { systemClock, systemRandom } from '@event-pipeline/runtime';
import {
  NodeProgram,
  Program,
  httpUrlOf,
  inWorkspace,
  metricSum,
  startCollector,
  type Scratch,
} from '@event-pipeline/runtime/testing';
import type { Queue, QueueStats } from '@event-pipeline/queue';
import { createQueue } from '@event-pipeline/queue/create';
import { startRedisServer, type RedisServer } from '@event-pipeline/queue/testing';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { storedBenchEvent } from './load/bench-events';
import { pin, type Role } from './placement';
import { endWithProfile, profilingArgs } from './profiling';
import { insistOn, RefusedRun } from './scenario';

/** How long a baseline may take to put its events in. */
const FILL_LIMIT_MS = 30 * 60_000;

/** With `appendfsync always`: an answer means that it is on disk. No rewrite of its file falls into a run. */
export async function startRedis(scratch: Scratch): Promise<RedisServer> {
  const redis = await startRedisServer({ args: ['--auto-aof-rewrite-percentage', '0'] });
  scratch.afterwards(() => redis.stop());
  pin(redis.pid, 'engine');
  return redis;
}

/** The queue of a run, and what it has counted itself. */
export interface BenchQueue {
  /** For collector and worker. */
  readonly variables: Readonly<Record<string, string>>;
  stats(): Promise<QueueStats>;
  /** Puts so many different events in, past the collector. */
  fill(events: number): Promise<void>;
}

export async function openBenchQueue(queueUrl: string, scratch: Scratch): Promise<BenchQueue> {
  const queue = await createQueue(
    {
      queueUrl,
      queueName: 'event_queue',
      redisHost: 'localhost',
      redisPort: 0,
      redisCommandTimeoutMs: 30_000,
      queueMaxEvents: 0,
      queueMaxBytes: 0,
    },
    { clock: systemClock, random: systemRandom, logger: createLogSink('fatal').logger },
  );
  scratch.afterwards(() => queue.close());
  return {
    variables: {
      QUEUE_URL: queueUrl,
      QUEUE_MAX_EVENTS: '0',
      QUEUE_MAX_BYTES: '0',
      LOG_FORMAT: 'json',
    },
    stats: () => queue.stats(0),
    fill: (events) => fill(queue, events),
  };
}

const FILL_BATCH = 1_000;
const FILL_CALL = 8;

async function fill(queue: Queue, events: number): Promise<void> {
  const before = (await queue.stats(0)).enqueued;
  for (let made = 0; made < events;) {
    const batches = [];
    while (batches.length < FILL_CALL && made < events) {
      const start = made;
      const bodies = Array.from({ length: Math.min(FILL_BATCH, events - made) }, (_, i) =>
        storedBenchEvent(start + i),
      );
      made += bodies.length;
      batches.push({ id: systemRandom.uuid(), digest: '', answer: '', rememberMs: 1_000, bodies });
    }
    const results = await queue.enqueue(0, batches);
    const refused = results.find(({ outcome }) => outcome !== 'queued');
    if (refused) throw new RefusedRun(`the queue did not take the backlog: ${refused.outcome}`);
  }
  insistOn('events put into the queue', (await queue.stats(0)).enqueued - before, events);
}

export interface Served {
  readonly program: NodeProgram;
  readonly address: string;
  readonly httpUrl: string;
}

export async function startBenchCollector(queue: BenchQueue, scratch: Scratch): Promise<Served> {
  const collector = await startCollector(queue.variables, scratch, profilingArgs('collector'));
  endWithProfile(collector.program, scratch);
  pin(collector.program.pid, 'server');
  return collector;
}

/** Insists that the queue has every event that was sent, once, and that no call of the collector failed. */
export async function insistOnIntake(
  queue: BenchQueue,
  httpUrl: string,
  sent: number,
  /** Of these, put in past the collector. */
  filled = 0,
): Promise<void> {
  const { enqueued, duplicateBatches } = await queue.stats();
  insistOn('events that the queue counts', enqueued, sent);
  insistOn('batches that the queue knew before', duplicateBatches, 0);
  for (const name of ['pipeline_calls_failed_total', 'pipeline_events_rejected_total']) {
    insistOn(name, await metricSum(httpUrl, name), 0);
  }
  insistOn(
    'events received',
    await metricSum(httpUrl, 'pipeline_events_received_total'),
    sent - filled,
  );
}

/** Its work begins at once, so it is not waited for. */
export function startBenchWorker(
  queue: BenchQueue,
  scratch: Scratch,
  storeUrl = 'none',
): NodeProgram {
  const variables = { ...queue.variables, WORKER_HTTP_PORT: '0', STORE_URL: storeUrl };
  const worker = new Program('worker', variables, [], scratch, profilingArgs('worker'));
  endWithProfile(worker, scratch);
  pin(worker.pid, 'worker');
  return worker;
}

/** Insists that every event was processed, once, without a retry, and none is left. */
export async function insistOnDrained(queue: BenchQueue, events: number): Promise<void> {
  const stats = await queue.stats();
  insistOn('events that the queue counts as processed', stats.processed, events);
  insistOn('events put in', stats.enqueued, events);
  const { pending, suspect, leased, delayed, dead, retried, expiredLeases } = stats;
  insistOn('events left', pending + suspect + leased + delayed + dead, 0);
  insistOn('retries and leases that ran out', retried + expiredLeases, 0);
}

/** Insists that each event is in the queue or processed, without a retry. */
export async function insistOnConserved(queue: BenchQueue, events: number): Promise<void> {
  const { enqueued, pending, suspect, leased, delayed, dead, processed, retried } =
    await queue.stats();
  insistOn('events put in', enqueued, events);
  insistOn('events that are there or processed', pending + suspect + leased + processed, events);
  insistOn('events that failed', delayed + dead + retried, 0);
}

/** A program of bench/baselines that serves its counts, or of dist/bench. */
export async function startBaseline(
  script: string,
  options: {
    readonly role: Role;
    readonly args?: readonly (string | number)[];
    readonly redis?: RedisServer;
  },
  scratch: Scratch,
): Promise<Served> {
  const program = baselineProgram(script, options, true, scratch);
  const { port } = await program.logged('that it is ready', ({ msg }) => msg === 'ready');
  return { program, address: `127.0.0.1:${String(port)}`, httpUrl: await httpUrlOf(program) };
}

/** Runs a program of bench/baselines to its end. */
export async function runBaseline(
  script: string,
  args: readonly (string | number)[],
  scratch: Scratch,
): Promise<void> {
  const program = baselineProgram(script, { role: 'load', args }, false, scratch);
  const limit = setTimeout(() => program.signal('SIGKILL'), FILL_LIMIT_MS);
  const { code } = await program.exited;
  clearTimeout(limit);
  if (code === 0) return;
  throw new RefusedRun(`${script} failed: ${program.output.slice(-5).join('\n')}`);
}

function baselineProgram(
  script: string,
  {
    role,
    args = [],
    redis,
  }: { role: Role; args?: readonly (string | number)[]; redis?: RedisServer },
  logs: boolean,
  scratch: Scratch,
): NodeProgram {
  const folder = script.endsWith('.mjs') ? 'bench/baselines' : 'dist/bench/baselines';
  const program = new NodeProgram(
    {
      name: script,
      script: inWorkspace(folder, script),
      nodeArgs: profilingArgs(script),
      args: args.map(String),
      logs,
      ...(redis && { variables: { BENCH_REDIS: redis.url } }),
    },
    scratch,
  );
  endWithProfile(program, scratch);
  pin(program.pid, role);
  return program;
}
