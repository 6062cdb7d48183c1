// Answers --help and wrong options at once. Else builds what is missing, then runs the soak program in a process group of its own, so
// that everything it has started ends with it.
import process from 'node:process';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled } from './install.mjs';
import { inWorkspace } from './paths.mjs';
import { ensurePostgres } from './postgres-binaries.mjs';
import { ensureRedisServer } from './redis-server-binary.mjs';
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
  if (!(await ensureBuilt()) || !(await buildSoak())) return 1;
  const [redis, postgres] = [await ensureRedisServer(), await ensurePostgres()];
  if (!redis || !postgres) return 1;
  const program = inWorkspace('dist/apps/pipeline-e2e/main.js');
  const { code } = await runCommand(process.execPath, ['--enable-source-maps', program, ...args]);
  return code;
}

/** Once packages are installed: esbuild, which reads the sources, is one. */
async function answerWithoutRun(args) {
  const { loadTypeScript } = await import('./load-typescript.mjs');
  const soak = await loadTypeScript([
    "export { answerWithoutRun } from './apps/pipeline-e2e/src/soak/soak-options';",
  ]);
  return soak.answerWithoutRun({ args, env: process.env, command: 'node tools/soak.mjs' });
}

function buildSoak() {
  const nx = inWorkspace('node_modules/nx/dist/bin/nx.js');
  return runQuietly('Building the soak', process.execPath, [nx, 'build', 'pipeline-e2e']);
}
