// `npm run test:faults`: the whole fault suite, every kill of every loop, and the model tests of the
// queue with many more runs. Arguments go to jest and choose among the fault suite alone. The last line
// says "N passed, N failed".
import process from 'node:process';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled } from './install.mjs';
import { inWorkspace } from './paths.mjs';
import { ensurePostgres } from './postgres-binaries.mjs';
import { ensurePrometheus } from './prometheus-binaries.mjs';
import { ensureRedisServer } from './redis-server-binary.mjs';
import { runJest } from './run-jest.mjs';

const MODELS = ['--selectProjects=queue', '--testPathPatterns=model|planted-bugs'];
const FAULTS = ['--selectProjects=pipeline-e2e'];

process.chdir(inWorkspace());
process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;

async function main(args) {
  if (!(await ensureInstalled())) return false;
  const servers = [await ensureRedisServer(), await ensurePostgres(), await ensurePrometheus()];
  if (servers.includes(false) || !(await ensureBuilt())) return false;
  const totals = { passed: 0, failed: 0 };
  const skipped = [];
  for (const suite of args.length === 0 ? [MODELS, FAULTS] : [[...FAULTS, ...args]]) {
    const result = await runJest([...suite, '--maxWorkers=1', '--verbose'], {
      FAULT_SUITE: 'whole',
    });
    totals.passed += result.passed;
    totals.failed += result.failed;
    skipped.push(...result.skipped);
  }
  const { passed, failed } = totals;
  if (skipped.length > 0) {
    console.log(`\n${skipped.length} skipped:`);
    for (const title of skipped) console.log(`- ${title}`);
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0;
}
