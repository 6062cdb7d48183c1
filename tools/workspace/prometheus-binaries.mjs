import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { canInstall, howToInstall, installPackage } from './install-program.mjs';

/** Whose `promtool` tests metrics and rules, and whose `prometheus` reads them. */
const PROGRAMS = ['prometheus', 'promtool'];

/**
 * Finds the Prometheus that tests start for themselves: in the folder PROMETHEUS_BIN or on PATH, else
 * installed with apt-get where that is possible. Resolves to whether there is one; where there is none
 * it has said what to do. The tests look in the same places
 * (apps/pipeline-e2e/src/harness/promtool.ts, tools/monitoring/promtool.ts).
 */
export async function ensurePrometheus() {
  const folder = process.env['PROMETHEUS_BIN'];
  if (missingFrom(folder).length > 0 && !folder && canInstall()) {
    await installPackage('prometheus');
  }
  const missing = missingFrom(folder);
  if (missing.length === 0) return true;
  const where = folder ? `in PROMETHEUS_BIN=${folder}` : 'on PATH';
  console.error(`The tests need Prometheus, and there is no ${missing.join(' and no ')} ${where}.
Nothing needs to run: the tests start it themselves. ${howToInstall(PACKAGES)}
Or name the folder of its programs: PROMETHEUS_BIN=/path/to/folder npm test`);
  return false;
}

function missingFrom(folder) {
  return PROGRAMS.filter((program) => {
    const path = folder ? join(folder, program) : program;
    return spawnSync(path, ['--version'], { stdio: 'ignore' }).status !== 0;
  });
}

const PACKAGES = {
  brew: 'prometheus',
  win32: 'Run the tests in WSL.',
  apt: 'prometheus',
  dnf: 'golang-github-prometheus',
  apk: 'prometheus',
  pacman: 'prometheus',
  elsewhere: 'https://prometheus.io/download/',
};
