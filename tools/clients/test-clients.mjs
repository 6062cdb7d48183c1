// `npm run test:clients`: runs the commands of examples/clients/README.md, as they stand there, in
// every language that this machine has, each against a collector of its own. Needs the network and
// the languages' own tools, so it is no part of `npm test`. `npm run test:clients -- Go` runs one.
// The last line says "N passed, N failed, N skipped".
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { ensureBuilt } from '../workspace/build.mjs';
import { ensureInstalled } from '../workspace/install.mjs';
import { inWorkspace } from '../workspace/paths.mjs';
import { LANGUAGES } from './languages.mjs';
import { Pipeline } from './pipeline.mjs';
import { Sandbox } from './sandbox.mjs';

const isPresent = ([command, ...args]) =>
  spawnSync(command, args, { cwd: inWorkspace(), timeout: 60_000 }).status === 0;

async function main(chosen) {
  const languages = LANGUAGES.filter(({ name }) => chosen === undefined || name === chosen);
  if (languages.length === 0) {
    console.error(`no client is named ${chosen}: ${LANGUAGES.map(({ name }) => name).join(', ')}`);
    return false;
  }
  if (!(await ensureInstalled()) || !(await ensureBuilt())) return false;
  const totals = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, needs, trials } of languages) {
    const missing = needs.find((command) => !isPresent(command));
    if (missing) {
      console.log(`SKIP  ${name}: "${missing.join(' ')}" does not run on this machine`);
      totals.skipped += trials.length;
      continue;
    }
    const sandbox = new Sandbox();
    try {
      for (const trial of trials) totals[await outcomeOf(name, trial, sandbox)] += 1;
    } finally {
      sandbox.remove();
    }
  }
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
  return totals.failed === 0 && totals.passed > 0;
}

async function outcomeOf(language, trial, sandbox) {
  const title = `${language}: ${trial.title}`;
  const begun = Date.now();
  const seconds = () => Math.round((Date.now() - begun) / 1_000);
  const pipeline = await Pipeline.start();
  try {
    await trial.run({ sandbox, pipeline });
    console.log(`ok    ${title} (${seconds()} s)`);
    return 'passed';
  } catch (error) {
    console.log(`FAIL  ${title} (${seconds()} s)\n${error.message.trimEnd().slice(-4_000)}`);
    return 'failed';
  } finally {
    await pipeline.stop();
  }
}

// So that what hangs on 'exit' is ended, too.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130));
process.exitCode = (await main(process.argv[2])) ? 0 : 1;
