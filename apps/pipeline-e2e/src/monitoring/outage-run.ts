import { readFileSync } from 'node:fs';
import { freePort } from '@event-pipeline/queue/testing';
import { systemClock } from '@event-pipeline/runtime';
import { Load } from '../harness/load/load';
import { PrometheusServer, type Series } from '../harness/prometheus-server';
import { startCollector, startWorker } from '../harness/program';
import { redisEngine } from '../harness/queue-engine';
import { Scratch } from '../harness/scratch';
import { inWorkspace } from '../harness/workspace';
import { drawPicture, type Chart } from './line-charts';

interface Panel {
  readonly title: string;
  readonly fieldConfig?: { readonly defaults: { readonly unit: string } };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

/** Of the dashboard, what tells most of an outage: the first panel of each title. */
const PANELS = [
  'Events',
  'Failed calls',
  'Events in flight',
  'In and out',
  'Age of the next event',
  'Queue can be read',
  'Events processed',
  'Events in one lease',
  'Events unaccounted for',
  'Receipt to acknowledgement',
  'Receipt to processed',
  'Processor cores',
];

const EVENTS_PER_SECOND = 1_000;
/** Seconds: until Redis is killed, while it is away, and after it is back. */
const [BEFORE, AWAY, AFTER] = [25, 15, 30];

/** Runs a pipeline under load, kills Redis and brings it back, and draws what the dashboard shows of it. */
export async function pictureOfOutage(tell: (line: string) => void): Promise<string> {
  const scratch = new Scratch();
  try {
    return await run(scratch, tell);
  } finally {
    await scratch.clean();
  }
}

async function run(scratch: Scratch, tell: (line: string) => void): Promise<string> {
  const ports = [await freePort(), await freePort(), await freePort()] as const;
  const names = new Map([
    [`127.0.0.1:${ports[0]}`, 'collector'],
    [`127.0.0.1:${ports[1]}`, 'worker 1'],
    [`127.0.0.1:${ports[2]}`, 'worker 2'],
  ]);
  const [collector = '', ...workers] = names.keys();
  const { redis, variables } = await redisEngine(scratch);
  const { address } = await startCollector(
    { ...variables, COLLECTOR_HTTP_PORT: String(ports[0]) },
    scratch,
  );
  const store = `embedded:${await scratch.folder()}`;
  for (const port of [ports[1], ports[2]]) {
    const own = { WORKER_HTTP_PORT: String(port), STORE_URL: store, PROCESSING_TIME_MS: '1' };
    await startWorker({ ...variables, ...own }, scratch);
  }
  const prometheus = await PrometheusServer.start(
    { collector: [collector], worker: workers },
    scratch,
  );
  const load = new Load({ address, seed: 1, eventsPerSecond: EVENTS_PER_SECOND }, scratch);
  const begin = systemClock.now() / 1_000;
  const elapsed = () => systemClock.now() / 1_000 - begin;
  load.start();
  tell(`${BEFORE} s of ${EVENTS_PER_SECOND} events a second …`);
  await systemClock.sleep(BEFORE * 1_000);
  const killedAt = elapsed();
  await redis.kill9();
  tell(`Redis is killed, for ${AWAY} s …`);
  await systemClock.sleep(AWAY * 1_000);
  await redis.restart();
  const backAt = elapsed();
  tell(`Redis is back; ${AFTER} s more …`);
  await systemClock.sleep(AFTER * 1_000);
  const seconds = elapsed();

  const charts: Chart[] = [];
  for (const panel of panels()) {
    const lines: Chart['lines'][number][] = [];
    for (const { expr, legendFormat } of panel.targets ?? []) {
      const query = expr.replaceAll('$__rate_interval', '4s');
      for (const series of await prometheus.range(query, begin, begin + seconds)) {
        const points = series.points.map(([at, value]) => [at - begin, value] as const);
        lines.push({ legend: legendOf(legendFormat, series, names), points });
      }
    }
    charts.push({ title: panel.title, unit: panel.fieldConfig?.defaults.unit ?? '', lines });
  }
  return drawPicture({
    title: `A collector and two workers at ${EVENTS_PER_SECOND} events a second; Redis is killed and comes back`,
    seconds,
    mark: { from: killedAt, to: backAt, title: 'no Redis' },
    charts,
  });
}

function panels(): readonly Panel[] {
  const file = inWorkspace('deploy/grafana/dashboards/event-pipeline.json');
  const { panels: all } = JSON.parse(readFileSync(file, 'utf8')) as { panels: readonly Panel[] };
  return PANELS.map((title) => {
    const panel = all.find((one) => one.title === title && one.targets !== undefined);
    if (panel === undefined) throw new Error(`the dashboard has no panel "${title}"`);
    return panel;
  });
}

/** Addresses on loopback would tell a reader nothing: instances have names, which say the job as well. */
function legendOf(format: string, { labels }: Series, names: ReadonlyMap<string, string>): string {
  return format
    .replace('{{job}} {{instance}}', '{{instance}}')
    .replace(/\{\{(\w+)\}\}/g, (_, label: string) => {
      const value = labels[label] ?? '';
      return names.get(value) ?? value;
    });
}
