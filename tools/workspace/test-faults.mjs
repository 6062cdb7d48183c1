// `npm run test:faults`: the whole fault suite, every kill of every loop; arguments go to jest. The
// last line says "N passed, N failed".
import process from 'node:process';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled } from './install.mjs';
import { inWorkspace } from './paths.mjs';
import { ensurePostgres } from './postgres-binaries.mjs';
import { ensureRedisServer } from './redis-server-binary.mjs';
import { runJest } from './run-jest.mjs';

process.chdir(inWorkspace());
process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;

async function main(args) {
  if (!(await ensureInstalled())) return false;
  const [redis, postgres] = [await ensureRedisServer(), await ensurePostgres()];
  if (!redis || !postgres || !(await ensureBuilt())) return false;
  const suite = ['--selectProjects=pipeline-e2e', '--maxWorkers=1', '--verbose', ...args];
  const { passed, failed, skipped } = await runJest(suite, { FAULT_SUITE: 'whole' });
  if (skipped.length > 0) {
    console.log(`\n${skipped.length} skipped:`);
    for (const title of skipped) console.log(`- ${title}`);
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0;
}
