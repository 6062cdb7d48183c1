// `npm test`: everything the tests need, then all of them; `npm test -- queue` runs one project's,
// other arguments go to jest. The last line says "N passed, N failed".
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled } from './install.mjs';
import { inWorkspace } from './paths.mjs';
import { ensurePostgres } from './postgres-binaries.mjs';
import { ensurePrometheus } from './prometheus-binaries.mjs';
import { ensureRedisServer } from './redis-server-binary.mjs';
import { runJest } from './run-jest.mjs';

/**
 * Whole programs under load and in trouble: built first, and two test files at a time. They mostly wait,
 * and more of them would starve each other.
 */
const WHOLE_PROGRAMS = 'pipeline-e2e';

process.chdir(inWorkspace());
process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;

async function main(args) {
  if (!(await ensureInstalled())) return false;
  const servers = [await ensureRedisServer(), await ensurePostgres(), await ensurePrometheus()];
  if (servers.includes(false)) return false;
  const [first, ...rest] = args;
  const project = first !== undefined && isProject(first) ? first : undefined;
  const selections =
    project === undefined
      ? [`--ignoreProjects=${WHOLE_PROGRAMS}`, `--selectProjects=${WHOLE_PROGRAMS}`]
      : [`--selectProjects=${project}`];
  const jestArgs = project === undefined ? args : rest;

  const totals = { passed: 0, failed: 0 };
  for (const selection of selections) {
    const wholePrograms = selection === `--selectProjects=${WHOLE_PROGRAMS}`;
    if (wholePrograms && !(await ensureBuilt())) {
      totals.failed += 1;
      continue;
    }
    const workers = wholePrograms ? 2 : '100%';
    const result = await runJest([selection, `--maxWorkers=${workers}`, ...jestArgs]);
    totals.passed += result.passed;
    totals.failed += result.failed;
  }
  console.log(`${totals.passed} passed, ${totals.failed} failed`);
  return totals.failed === 0 && totals.passed > 0;
}

function isProject(name) {
  return ['apps', 'libs', '.'].some((folder) => existsSync(join(folder, name, 'jest.config.cjs')));
}
