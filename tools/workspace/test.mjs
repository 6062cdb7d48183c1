// `npm test`: everything the tests need, then all of them; `npm test -- queue` runs one project's,
// other arguments go to jest. The last line says "N passed, N failed".
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled } from './install.mjs';
import { inWorkspace } from './paths.mjs';
import { ensurePostgres } from './postgres-binaries.mjs';
import { ensureRedisServer } from './redis-server-binary.mjs';
import { runCommand } from './run-command.mjs';

/** Whole programs under load and in trouble: built first, and one test file at a time. */
const WHOLE_PROGRAMS = 'pipeline-e2e';

process.chdir(inWorkspace());
process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;

async function main(args) {
  if (!(await ensureInstalled())) return false;
  const [redis, postgres] = [await ensureRedisServer(), await ensurePostgres()];
  if (!redis || !postgres) return false;
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
    const workers = wholePrograms ? 1 : '100%';
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

/** Runs jest once and resolves to how many tests passed and failed. */
async function runJest(args) {
  const folder = mkdtempSync(join(tmpdir(), 'test-result-'));
  const file = join(folder, 'result.json');
  const jest = [inWorkspace('node_modules/jest/bin/jest.js'), '--passWithNoTests'];
  try {
    const { ok } = await runCommand(process.execPath, [
      ...jest,
      `--json`,
      `--outputFile=${file}`,
      ...args,
    ]);
    const result = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
    const passed = result?.numPassedTests ?? 0;
    // A file that could not even be loaded counts as one; so does whatever else jest objects to.
    const failed = (result?.numFailedTests ?? 0) + (result?.numRuntimeErrorTestSuites ?? 0);
    return { passed, failed: Math.max(failed, ok ? 0 : 1) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
