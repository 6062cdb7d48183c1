import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { credentials } from '@grpc/grpc-js';
import { Event, EventServiceClient } from '@event-pipeline/contracts';
import { freePort } from '@event-pipeline/queue/testing';
import { systemClock, systemRandom } from '@event-pipeline/runtime';
import { ALL_WAYS, Load } from './harness/load/load';
import { PrometheusServer, type Series } from './harness/prometheus-server';
import { runQueueCli, startCollector, startWorker } from './harness/program';
import { redisEngine } from './harness/queue-engine';
import { Scratch } from './harness/scratch';
import { until } from './harness/until';
import { inWorkspace } from './harness/workspace';

/**
 * Metrics that rest at 0 in a pipeline that does not lose its queue or its store, has memory, deletes
 * nothing for its age, and whose clients send whole messages and take their answers. Their series must be there.
 */
const RESTING = [
  'pipeline_answer_bytes',
  'pipeline_load_refused_total',
  'pipeline_load_shedding',
  'pipeline_queue_data_lost_total',
  'pipeline_store_expired_total',
  'pipeline_store_failures_total',
  'pipeline_store_outage',
  'pipeline_unfinished_message_bytes',
];
/** Always 0: what cannot be accounted for. */
const UNACCOUNTED = 'pipeline:queue_unaccounted:events';

/** Metrics of what is off in this pipeline: TLS, and authentication. */
const OFF = /pipeline_(certificate|tls|auth|quota)_/;

/** Only these have no value at all where everything runs. */
const ABSENT = ['PipelineNoTarget'];

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets?: readonly { expr: string }[];
  }[];
}

const scratch = new Scratch();
let prometheus: PrometheusServer;
let [begin, end] = [0, 0];

const unixSeconds = () => systemClock.now() / 1_000;
const ask = (expression: string) =>
  prometheus.range(expression.replaceAll('$__rate_interval', '10s'), begin, end);
const isSilent = (series: readonly Series[]) =>
  series.every(({ points }) => points.every(([, value]) => value === 0 || Number.isNaN(value)));
const rests = (expression: string) =>
  [...RESTING, UNACCOUNTED].some((name) => expression.includes(name));

/** A few seconds in which everything happens that the dashboard can show and that is cheap to provoke. */
beforeAll(async () => {
  const ports = [await freePort(), await freePort(), await freePort()] as const;
  const [collectorHttp, ...workerHttp] = ports.map((port) => `127.0.0.1:${port}`);
  const engine = await redisEngine(scratch, { args: ['--appendfsync', 'everysec'] });
  prometheus = await PrometheusServer.start(
    { collector: [collectorHttp ?? ''], worker: workerHttp },
    scratch,
  );
  begin = unixSeconds();

  const store = `embedded:${await scratch.folder()}`;
  const variables = { ...engine.variables, REDIS_COMMAND_TIMEOUT_MS: '300' };
  const { address } = await startCollector(
    {
      ...variables,
      COLLECTOR_HTTP_PORT: String(ports[0]),
      COLLECTOR_HANDSHAKE_MS: '300',
      COLLECTOR_QUEUE_PATIENCE_MS: '300',
    },
    scratch,
  );
  const load = new Load({ address, seed: 1, ways: ALL_WAYS, eventsPerSecond: 600 }, scratch);
  load.start();
  await until(
    'events wait',
    async () => ((await prometheus.now('pipeline_queue_oldest_event_age_seconds')) ?? 0) > 1,
  );
  await Promise.all(
    [ports[1], ports[2]].map((port) =>
      startWorker(
        {
          ...variables,
          STORE_URL: store,
          WORKER_HTTP_PORT: String(port),
          WORKER_HANDLERS: inWorkspace('apps/pipeline-e2e/src/testdata/monitoring-handlers.cjs'),
          WORKER_LEASE_MS: '1000',
          WORKER_BATCH_SIZE: '50',
        },
        scratch,
      ),
    ),
  );
  const shown = (what: string, expression: string) =>
    until(what, async () => ((await prometheus.now(expression)) ?? 0) > 0, 60_000);
  // What is counted before the first scrape shows no growth.
  await shown('both workers are scraped', 'count(up{job="worker"} == 1) == 2');
  await engine.redis.command('config', 'set', 'appendfsync', 'always');

  const silent = connect({ port: Number(address.split(':')[1]), host: '127.0.0.1' });
  silent.on('error', () => undefined);
  const publishOnce = publisherAt(address);
  // Patience and time limits are short: what is refused on a busy machine is sent again.
  const publish = (events: Event[], batchId = systemRandom.uuid()) =>
    until('a batch is taken', () => publishOnce(events, batchId).then(() => true));
  const failing = Array.from({ length: 40 }, () => event('never_works'));
  await publish([...failing, event('hangs')]);
  const repeated = [event('page_view'), event('page_view')];
  const batchId = systemRandom.uuid();
  await publish(repeated, batchId);
  await publish(repeated, batchId);
  await publish(repeated);
  await shown('events came again', 'pipeline_events_stored_before_total');
  await publish(repeated.map((each) => ({ ...each, timestamp: each.timestamp + 1 })));
  await expect(publishOnce(repeated, 'no-uuid')).rejects.toThrow('INVALID_ARGUMENT');

  // A worker that stands still loses its lease to the other one.
  await publish([event('blocks')]);
  await shown('a lease ran out', 'pipeline_queue_expired_leases_total');
  await shown('its worker has heard of it', 'pipeline_leases_lost_total');

  engine.redis.pause();
  await shown('calls fail', 'pipeline_calls_failed_total{code="QUEUE_UNAVAILABLE"}');
  engine.redis.resume();
  await shown('events are durable', 'pipeline_queue_durability{durability="disk"}');
  await shown('a handler is paused', 'pipeline_handler_paused{handler="never_works"}');
  await shown('events were put off', 'pipeline_events_deferred_total');
  await shown('calls have no end', 'pipeline_handler_abandoned_calls');
  await shown('ids are used twice', 'pipeline_store_conflicts_total');
  // Where Redis stood still as the first one was settled, no worker has counted it.
  await publish([event('hangs')]);
  await shown('dead letters are counted', 'pipeline_events_dead_total');
  await runQueueCli(engine.variables, 'dead purge --yes', scratch);
  await shown('dead letters are purged', 'rate(pipeline_queue_purged_total[10s])');
  await load.stop();
  // Beyond the last scrape, wherever the steps of a query fall.
  end = unixSeconds() + 1;
}, 180_000);
afterAll(() => scratch.clean());

describe('against a Prometheus that scrapes a pipeline under load', () => {
  it('every query of the dashboard shows something, or rests at 0 where it should', async () => {
    const file = inWorkspace('deploy/grafana/dashboards/event-pipeline.json');
    const { panels } = JSON.parse(readFileSync(file, 'utf8')) as Dashboard;
    const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(expressions.length).toBeGreaterThan(60);
    const wrong: string[] = [];
    for (const expression of expressions) {
      const series = await ask(expression);
      if (OFF.test(expression)) continue;
      if (series.length === 0) wrong.push(`absent: ${expression}`);
      else if (isSilent(series) && !rests(expression)) wrong.push(`silent: ${expression}`);
    }
    expect(wrong).toEqual([]);
  }, 60_000);

  it('every alert rule is evaluated, and its figure shows something, or rests at 0 where it should', async () => {
    const rules = await prometheus.rules();
    expect(rules.length).toBeGreaterThan(15);
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    const wrong: string[] = [];
    for (const { name, query } of rules) {
      const figure = query.replace(/ (==|!=|>|<) [\d.]+$/, '');
      const series = await ask(figure);
      if (series.length === 0 && !ABSENT.includes(name)) wrong.push(`absent: ${name}`);
      else if (isSilent(series) && !rests(query) && !rests(name) && !ABSENT.includes(name)) {
        wrong.push(`silent: ${name}`);
      }
    }
    expect(wrong).toEqual([]);
  }, 60_000);

  it('every event is accounted for in each scrape of each program, also while Redis stands still', async () => {
    const series = await ask(UNACCOUNTED);
    expect(new Set(series.map(({ labels }) => labels['instance'])).size).toBe(3);
    expect(
      series.flatMap(({ points }) => points.map(([, value]) => value)).filter(Boolean),
    ).toEqual([]);
  });
});

function event(type: string): Event {
  return Event.fromPartial({ eventId: systemRandom.uuid(), type, timestamp: systemClock.now() });
}

/** Sends a batch; rejects where the call fails. */
function publisherAt(address: string) {
  const client = new EventServiceClient(address, credentials.createInsecure());
  scratch.afterwards(() => client.close());
  return (events: Event[], batchId: string) =>
    new Promise<void>((resolve, reject) => {
      client.publishEvents({ batchId, events }, (error) => (error ? reject(error) : resolve()));
    });
}
