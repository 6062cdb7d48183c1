// `node tools/monitoring-picture.mjs` runs a pipeline under load for a minute, kills Redis in the middle of
// it, and writes docs/images/redis-outage.svg from what a Prometheus has seen. Redis and Prometheus have to be
// there, and the programs built: `npm test` sees to both.
import { mkdirSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { loadTypeScript } from './workspace/load-typescript.mjs';
import { ensureBuilt } from './workspace/build.mjs';
import { inWorkspace } from './workspace/paths.mjs';
import { ensurePrometheus } from './workspace/prometheus-binaries.mjs';
import { ensureRedisServer } from './workspace/redis-server-binary.mjs';

const FILE = inWorkspace('docs/images/redis-outage.svg');

process.chdir(inWorkspace());
if ((await ensureRedisServer()) && (await ensurePrometheus()) && (await ensureBuilt())) {
  const { pictureOfOutage } = await loadTypeScript([
    "export { pictureOfOutage } from './apps/pipeline-e2e/src/monitoring/outage-run';",
  ]);
  const picture = await pictureOfOutage((line) => console.log(line));
  mkdirSync(inWorkspace('docs/images'), { recursive: true });
  writeFileSync(FILE, picture);
  console.log(FILE);
} else {
  process.exitCode = 1;
}
