// Answers --help and wrong options at once. Else builds and installs what is missing, then runs the
// benchmarks in a process group of its own, so that everything they have started ends with them.
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled, isInstalled } from './install.mjs';
import { inWorkspace } from './paths.mjs';
import { runCommand, runQuietly } from './run-command.mjs';

process.chdir(inWorkspace());
process.exitCode = await main(process.argv.slice(2));

async function main(args) {
  if (!(await ensureInstalled(process.stderr))) return 1;
  const answer = await answerWithoutRun(args);
  if (answer !== undefined) {
    process[answer.stream].write(answer.text);
    return answer.exitCode;
  }
  if (!(await ensureBuilt()) || !(await buildBench()) || !(await ensureBaselines())) return 1;
  const program = inWorkspace('dist/bench/src/main.js');
  const { code } = await runCommand(process.execPath, ['--enable-source-maps', program, ...args]);
  return code;
}

/** Once packages are installed: esbuild, which reads the sources, is one. */
async function answerWithoutRun(args) {
  const { loadTypeScript } = await import('./load-typescript.mjs');
  const bench = await loadTypeScript([
    "export { answerWithoutRun } from './bench/src/bench-options';",
  ]);
  return bench.answerWithoutRun({ args, env: process.env, command: 'node tools/bench.mjs' });
}

function buildBench() {
  const nx = inWorkspace('node_modules/nx/dist/bin/nx.js');
  return runQuietly('Building the benchmarks', process.execPath, [nx, 'build', 'bench']);
}

/** Packages of the baselines, which nothing else needs. */
async function ensureBaselines() {
  const folder = inWorkspace('bench/baselines');
  const read = (file) => {
    try {
      return JSON.parse(readFileSync(inWorkspace('bench/baselines', file), 'utf8'));
    } catch (error) {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    }
  };
  const present = read('node_modules/.package-lock.json');
  if (present !== undefined && isInstalled(read('package-lock.json'), present)) return true;
  const args = ['ci', '--prefix', folder, '--no-audit', '--no-fund'];
  return runQuietly('Installing packages of the baselines', 'npm', args);
}
