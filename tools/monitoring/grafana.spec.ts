import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { z } from 'zod';
import { exportedMetrics, namedMetrics, unknownMetrics } from './named-metrics';

const root = join(__dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const readYaml = (path: string): unknown => loadAll(read(path))[0];

/** https://grafana.com/docs/grafana/latest/administration/provisioning/#data-sources */
const datasourceFile = z.strictObject({
  apiVersion: z.literal(1),
  datasources: z.array(
    z.strictObject({
      name: z.string().min(1),
      uid: z.string().regex(/^[\w-]{1,40}$/),
      type: z.literal('prometheus'),
      access: z.enum(['proxy', 'direct']),
      url: z.url(),
      isDefault: z.boolean(),
      editable: z.boolean(),
      /** https://grafana.com/docs/grafana/latest/datasources/prometheus/configure/#provision-the-data-source */
      jsonData: z.strictObject({
        timeInterval: z.string().regex(/^\d+[smh]$/),
        httpMethod: z.enum(['GET', 'POST']),
      }),
    }),
  ),
});

/** https://grafana.com/docs/grafana/latest/administration/provisioning/#dashboards */
const providerFile = z.strictObject({
  apiVersion: z.literal(1),
  providers: z.array(
    z.strictObject({
      name: z.string().min(1),
      type: z.literal('file'),
      allowUiUpdates: z.boolean(),
      disableDeletion: z.boolean(),
      updateIntervalSeconds: z.number().int().positive(),
      options: z.strictObject({ path: z.string().startsWith('/') }),
    }),
  ),
});

const datasource = z.strictObject({
  type: z.literal('prometheus'),
  uid: z.literal('${datasource}'),
});

/** https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/#panel-size-and-position */
const gridPos = z
  .strictObject({
    x: z.number().int().min(0).max(23),
    y: z.number().int().min(0),
    w: z.number().int().min(1).max(24),
    h: z.number().int().min(1),
  })
  .refine(({ x, w }) => x + w <= 24, 'a panel ends within 24 columns');

const row = z.strictObject({
  id: z.number().int().positive(),
  type: z.literal('row'),
  title: z.string().min(1),
  collapsed: z.literal(false),
  gridPos,
  // The panels of a row that is open stand behind it, not in it.
  panels: z.tuple([]),
});

/** https://grafana.com/docs/grafana/latest/panels-visualizations/visualizations/time-series/ */
const timeSeries = z.strictObject({
  id: z.number().int().positive(),
  type: z.literal('timeseries'),
  title: z.string().min(1),
  description: z.string(),
  datasource,
  gridPos,
  fieldConfig: z.strictObject({
    defaults: z.strictObject({
      /** Names of units: packages/grafana-data/src/valueFormats/categories.ts of Grafana. */
      unit: z.enum(['short', 'cps', 's', 'bytes', 'percentunit']),
      min: z.literal(0),
      custom: z.strictObject({
        lineWidth: z.number().int().min(0).max(10),
        fillOpacity: z.number().int().min(0).max(100),
        showPoints: z.enum(['auto', 'always', 'never']),
      }),
    }),
    overrides: z.tuple([]),
  }),
  options: z.strictObject({
    legend: z.strictObject({
      displayMode: z.enum(['list', 'table']),
      placement: z.enum(['bottom', 'right']),
      showLegend: z.boolean(),
    }),
    tooltip: z.strictObject({
      mode: z.enum(['single', 'multi', 'none']),
      sort: z.enum(['none', 'asc', 'desc']),
    }),
  }),
  targets: z
    .array(
      z.strictObject({
        refId: z.string().regex(/^[A-Z]$/),
        datasource,
        expr: z.string().min(1),
        legendFormat: z.string().min(1),
        range: z.literal(true),
      }),
    )
    .min(1),
});

/** https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/ */
const dashboardModel = z.strictObject({
  uid: z.string().regex(/^[\w-]{1,40}$/),
  title: z.string().min(1),
  description: z.string(),
  tags: z.array(z.string()),
  schemaVersion: z.number().int().min(36),
  version: z.number().int(),
  editable: z.boolean(),
  graphTooltip: z.union([z.literal(0), z.literal(1), z.literal(2)]),
  timezone: z.enum(['browser', 'utc']),
  refresh: z.string().regex(/^\d+[smh]$/),
  time: z.strictObject({ from: z.string().startsWith('now'), to: z.literal('now') }),
  annotations: z.strictObject({ list: z.array(z.never()) }),
  links: z.array(z.never()),
  templating: z.strictObject({
    list: z.tuple([
      z.strictObject({
        name: z.literal('datasource'),
        label: z.string(),
        type: z.literal('datasource'),
        query: z.literal('prometheus'),
        hide: z.union([z.literal(0), z.literal(1), z.literal(2)]),
        refresh: z.union([z.literal(0), z.literal(1), z.literal(2)]),
      }),
    ]),
  }),
  panels: z.array(z.discriminatedUnion('type', [row, timeSeries])),
});

const dashboard = dashboardModel.parse(
  JSON.parse(read('deploy/grafana/dashboards/event-pipeline.json')),
);
const expressions = dashboard.panels.flatMap((panel) =>
  panel.type === 'row' ? [] : panel.targets.map(({ expr }) => expr),
);

describe('the dashboard', () => {
  it('is what its script makes', () => {
    const script = join(root, 'tools/grafana-dashboard.mjs');
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('has rows for intake, queue, workers, failures, latency and processes', () => {
    const rows = dashboard.panels.flatMap((panel) => (panel.type === 'row' ? panel.title : []));
    expect(rows).toEqual(['Intake', 'Queue', 'Workers', 'Failures', 'Latency', 'Processes']);
  });

  it('has panels with ids of their own, none of which lies over another', () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
  });

  it('asks for metrics that there are, and leaves out none of the project', () => {
    const recorded = ['pipeline:queue_unaccounted:events'];
    expect(expressions.flatMap((expr) => unknownMetrics(expr, recorded))).toEqual([]);
    const asked = new Set(
      expressions.flatMap(namedMetrics).map((name) => name.replace(/_(bucket|sum|count)$/, '')),
    );
    expect(exportedMetrics().filter((name) => !asked.has(name))).toEqual([]);
  });

  it('takes rates over the time that Grafana thinks fit', () => {
    for (const [, range] of expressions.join('\n').matchAll(/\[(.*?)\]/g)) {
      expect(range).toBe('$__rate_interval');
    }
  });
});

describe("Grafana's provisioning", () => {
  const [source] = datasourceFile.parse(
    readYaml('deploy/grafana/provisioning/datasources/prometheus.yml'),
  ).datasources;
  const [provider] = providerFile.parse(
    readYaml('deploy/grafana/provisioning/dashboards/event-pipeline.yml'),
  ).providers;
  const compose = read('docker-compose.yml');

  it('knows Prometheus by the name of its container, and how often it scrapes', () => {
    expect(source?.url).toBe('http://prometheus:9090');
    expect(compose).toMatch(/^ {2}prometheus:$/m);
    const { global } = z
      .object({ global: z.object({ scrape_interval: z.string() }) })
      .parse(readYaml('deploy/prometheus/prometheus.yml'));
    expect(source?.jsonData.timeInterval).toBe(global.scrape_interval);
  });

  it('looks for dashboards where the container has them', () => {
    expect(compose).toContain(`- ./deploy/grafana/dashboards:${provider?.options.path}:ro\n`);
    expect(compose).toContain('- ./deploy/grafana/provisioning:/etc/grafana/provisioning:ro\n');
  });
});
