import { resolve } from 'node:path';
import { messageOf, nodeHost } from '@event-pipeline/runtime';
import { Scratch } from '@event-pipeline/runtime/testing';
import { answerWithoutRun, parseBenchOptions, type BenchOptions } from './bench-options';
import { describeCommit, describeMachine } from './machine';
import { writeReport } from './report/write-report';
import { profileInto } from './profiling';
import { runScenario } from './run-scenario';
import { SCENARIOS } from './scenarios';
import { howToInstall, missingTool } from './tools';

const scratch = new Scratch();
const stop = new AbortController();
const tell = (line: string) => void process.stdout.write(`${line}\n`);

let ending: Promise<void> | undefined;

/** Ends everything that was started, in any case, before the process ends. The first call counts. */
function end(code: number): Promise<void> {
  ending ??= scratch
    .clean()
    .catch((error: unknown) => tell(`While cleaning up: ${String(error)}`))
    .then(() => process.exit(code));
  return ending;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    stop.abort();
    void end(130);
  });
}

async function main(): Promise<number> {
  const answer = answerWithoutRun(nodeHost);
  if (answer !== undefined) {
    await nodeHost.write(answer.stream, answer.text);
    return answer.exitCode;
  }
  const options = parseBenchOptions(nodeHost.args);
  return options === 'help' ? 0 : measure(options);
}

async function measure({ names, rounds, scale, report, profile }: BenchOptions): Promise<number> {
  if (profile !== undefined) profileInto(resolve(profile));
  const run = {
    rounds,
    scale,
    machine: describeMachine(),
    commit: describeCommit(),
    scratch,
    tell,
  };
  const refused: string[] = [];
  const skipped: string[] = [];
  for (const scenario of names.map((name) => SCENARIOS[name])) {
    const missing = missingTool(scenario.needs);
    if (missing !== undefined) {
      skipped.push(`${scenario.name}: ${howToInstall(missing)}`);
      continue;
    }
    tell(`${scenario.name}: ${scenario.title}`);
    try {
      const result = await runScenario(scenario, { ...run, stop: stop.signal });
      for (const { name, median, isMet } of result.comparisons) {
        tell(`  ${name}: ${median.toPrecision(3)}, goal ${isMet ? 'met' : 'not met'}`);
      }
      writeReport(result, report);
    } catch (error) {
      if (stop.signal.aborted) return 130;
      refused.push(`${scenario.name}: ${messageOf(error)}`);
      tell(`  does not count: ${messageOf(error)}`);
    }
  }
  for (const line of skipped) tell(`skipped ${line}`);
  for (const line of refused) tell(`does not count: ${line}`);
  const isReal = scale === 1 && profile === undefined;
  const hint = isReal ? '' : '; of a run like this no figure counts';
  if (refused.length + skipped.length < names.length) tell(`Results in ${report}${hint}.`);
  return refused.length === 0 ? 0 : 1;
}

main().then(end, (error: unknown) => {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  return end(1);
});
