// `node tools/grafana-dashboard.mjs` writes deploy/grafana/dashboards/event-pipeline.json from
// tools/monitoring/dashboard-rows.mjs; with --check it only says whether that would change it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { format, resolveConfig } from 'prettier';
import { dashboard } from './monitoring/dashboard.mjs';
import { inWorkspace } from './workspace/paths.mjs';

const FILE = inWorkspace('deploy/grafana/dashboards/event-pipeline.json');

const options = await resolveConfig(FILE);
const text = await format(JSON.stringify(dashboard()), { ...options, parser: 'json' });
const isFresh = existsSync(FILE) && readFileSync(FILE, 'utf8') === text;
if (!isFresh && process.argv.includes('--check')) {
  console.error(
    `${FILE} is not what tools/monitoring/dashboard-rows.mjs makes: run this without --check`,
  );
  process.exitCode = 1;
} else if (!isFresh) {
  writeFileSync(FILE, text);
  console.log(FILE);
}
