// `npm run test:containers`: builds the images, runs docker-compose.yml under a name and a port of
// its own, does what the README says and worse, and removes what it made. It takes about three
// minutes after the first build. `npm run test:containers -- docker-compose` chooses the command.
// The last line says "N passed, N failed".
import process from 'node:process';
import { inWorkspace } from '../workspace/paths.mjs';
import { Checks } from './checks.mjs';
import { ComposeProject } from './compose-project.mjs';
import { crashChecks } from './crash-checks.mjs';
import { findCompose } from './engine.mjs';
import { EventRecord } from './event-record.mjs';
import { imageChecks } from './image-checks.mjs';
import { quickStartChecks } from './quick-start-checks.mjs';
import { monitoringChecks } from './monitoring-checks.mjs';
import { endAll } from './run-bounded.mjs';
import { stopAndStartChecks } from './stop-start-checks.mjs';

/** A test that hangs must not hang whoever waits for it. */
const LIMIT_MS = 1_500_000;

process.chdir(inWorkspace());
const command = await findCompose(process.argv.slice(2));
process.exitCode = command !== undefined && (await main(command)) ? 0 : 1;

async function main(compose) {
  const project = new ComposeProject(compose, `event-pipeline-test-${process.pid}`);
  const record = new EventRecord();
  const cleanUp = () => {
    endAll();
    project.removeAll();
    record.remove();
  };
  const checks = new Checks();
  const interrupt = (reason, code) => {
    console.log(`\n${reason}: removing what was made …`);
    cleanUp();
    console.log(`\n${checks.passed} passed, ${checks.failed + 1} failed`);
    process.exit(code);
  };
  process.once('SIGINT', () => interrupt('Interrupted', 130));
  process.once('SIGTERM', () => interrupt('Terminated', 143));
  const watchdog = setTimeout(() => {
    interrupt(`Not ready after ${LIMIT_MS / 60_000} minutes`, 1);
  }, LIMIT_MS);

  try {
    await checks.group('The quick start', () => quickStartChecks(checks, project));
    await monitoringChecks(checks, project);
    await imageChecks(checks, project);
    await stopAndStartChecks(checks, project, record);
    await crashChecks(checks, project, record);
  } finally {
    clearTimeout(watchdog);
    cleanUp();
  }
  console.log(`\n${checks.passed} passed, ${checks.failed} failed`);
  return checks.failed === 0 && checks.passed > 0;
}
