// Installs what is missing, then compares two folders of results: nothing needs to be built.
import process from 'node:process';
import { ensureInstalled } from './install.mjs';
import { inWorkspace } from './paths.mjs';

process.chdir(inWorkspace());
process.exitCode = await main(process.argv.slice(2));

async function main(args) {
  if (!(await ensureInstalled(process.stderr))) return 1;
  const { loadTypeScript } = await import('./load-typescript.mjs');
  const bench = await loadTypeScript(["export { runCompare } from './bench/src/run-compare';"]);
  const { text, exitCode } = bench.runCompare(args);
  process[exitCode === 2 ? 'stderr' : 'stdout'].write(text);
  return exitCode;
}
