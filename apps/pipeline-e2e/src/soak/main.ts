import { randomInt } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf, nodeHost } from '@event-pipeline/runtime';
import { Scratch } from '../harness/scratch';
import { runSoak } from './run-soak';
import { answerWithoutRun, parseSoakOptions } from './soak-options';
import { markdownOf } from './soak-report';

const scratch = new Scratch();
const stop = new AbortController();
const tell = (line: string) => void process.stdout.write(`${line}\n`);

/** How long a report may take after an interruption, ms. */
const REPORT_LIMIT_MS = 10_000;
const EXIT_CODES = { held: 0, broken: 1, interrupted: 130 } as const;

let reportLimit: NodeJS.Timeout | undefined;
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
    if (stop.signal.aborted) return;
    stop.abort();
    tell('Interrupted: the report so far, then ending what was started.');
    // A pipeline that stands still answers nothing, and nobody waits long after Ctrl-C.
    reportLimit = setTimeout(() => {
      tell('The pipeline does not answer: there is no report.');
      void end(130);
    }, REPORT_LIMIT_MS);
  });
}

async function main(): Promise<number> {
  const answer = answerWithoutRun(nodeHost);
  if (answer !== undefined) {
    await nodeHost.write(answer.stream, answer.text);
    return answer.exitCode;
  }
  const options = parseSoakOptions(nodeHost.args, () => randomInt(1, 2 ** 31 - 1));
  if (options === 'help') return 0;
  const { minutes, seed, engine, store, report: file } = options;
  tell(`Soak for ${minutes} minutes on the ${engine} engine, store ${store}, seed ${seed}.`);
  const report = await runSoak(options, scratch, stop.signal, tell);
  const text = markdownOf(report);
  clearTimeout(reportLimit);
  tell(`\n${text}`);
  if (file !== undefined) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, file.endsWith('.json') ? `${JSON.stringify(report, null, 2)}\n` : text);
  }
  return EXIT_CODES[report.verdict];
}

main().then(end, (error: unknown) => {
  process.stderr.write(`soak: ${messageOf(error)}\n`);
  return end(1);
});
