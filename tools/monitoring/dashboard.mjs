import { ROWS } from './dashboard-rows.mjs';

/** Grafana's grid has 24 columns. */
const [WIDTH, HEIGHT, ACROSS] = [8, 7, 3];
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

/** The dashboard as Grafana's JSON model: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/ */
export function dashboard() {
  return {
    uid: 'event-pipeline',
    title: 'Event pipeline',
    description: 'Made by tools/grafana-dashboard.mjs from tools/monitoring/dashboard-rows.mjs.',
    tags: ['event-pipeline'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    // One cross hair for all panels.
    graphTooltip: 1,
    timezone: 'browser',
    refresh: '15s',
    time: { from: 'now-30m', to: 'now' },
    annotations: { list: [] },
    links: [],
    templating: {
      list: [
        {
          name: 'datasource',
          label: 'Prometheus',
          type: 'datasource',
          query: 'prometheus',
          hide: 0,
          refresh: 1,
        },
      ],
    },
    panels: panels(),
  };
}

function panels() {
  const all = [];
  let y = 0;
  for (const { title, panels } of ROWS) {
    all.push(rowPanel(all.length + 1, title, y));
    y += 1;
    panels.forEach((panel, at) => {
      const place = { x: (at % ACROSS) * WIDTH, y: y + Math.floor(at / ACROSS) * HEIGHT };
      all.push(timeSeries(all.length + 1, panel, place));
    });
    y += Math.ceil(panels.length / ACROSS) * HEIGHT;
  }
  return all;
}

function rowPanel(id, title, y) {
  return {
    id,
    type: 'row',
    title,
    collapsed: false,
    gridPos: { x: 0, y, w: 24, h: 1 },
    panels: [],
  };
}

function timeSeries(id, { title, description, unit, queries }, place) {
  return {
    id,
    type: 'timeseries',
    title,
    description,
    datasource: DATASOURCE,
    gridPos: { ...place, w: WIDTH, h: HEIGHT },
    fieldConfig: {
      defaults: { unit, min: 0, custom: { lineWidth: 1, fillOpacity: 10, showPoints: 'never' } },
      overrides: [],
    },
    options: {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
    targets: queries.map(([expr, legendFormat], at) => ({
      refId: String.fromCharCode(65 + at),
      datasource: DATASOURCE,
      expr,
      legendFormat,
      range: true,
    })),
  };
}
