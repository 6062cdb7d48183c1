import { quickstartHint, typedCommand } from '@event-pipeline/command-line';
import {
  describeConfig,
  EXIT,
  exitCodeOf,
  helpText,
  loadConfig,
  messageOf,
  type Clock,
  type Random,
} from '@event-pipeline/runtime';
import { allChecks } from './checks';
import { doctorConfig } from './doctor-config';
import { jsonReport, printedReport, verdictOf } from './report';
import { runChecks } from './run-checks';

/** How long one check may take, ms; then it counts as a problem. Each of its waits has a limit, too. */
const CHECK_LIMIT_MS = 15_000;

export interface DoctorHost {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** See ProgramHost. */
  readonly command: string;
  readonly clock: Clock;
  readonly random: Random;
  write(stream: 'stdout' | 'stderr', text: string): Promise<void>;
}

const SUMMARY =
  'Looks at the queue, the store, the ports and the clocks, and says what to ' +
  'change. It changes nothing. With --json it prints that for a machine. ' +
  'Exit codes: 0 no problem, 1 problems, 2 wrong configuration.';

/** Resolves with the exit code: 0 without a problem (warnings are none), 1, or 2. */
export async function runDoctor(host: DoctorHost): Promise<number> {
  const { args } = host;
  if (args.includes('--help') || args.includes('-h')) {
    const command = `${typedCommand(host, { script: 'doctor' })} [--json]`;
    const variables = describeConfig(doctorConfig);
    await host.write('stdout', helpText({ name: 'doctor', summary: SUMMARY, command, variables }));
    return EXIT.ok;
  }
  const unknown = args.find((arg) => arg !== '--json');
  if (unknown !== undefined) {
    await host.write('stderr', `doctor: knows no "${unknown}"; see --help\n`);
    return EXIT.configInvalid;
  }
  let config;
  try {
    config = loadConfig(doctorConfig, host.env);
  } catch (error) {
    const problems = messageOf(error)
      .split('\n')
      .map((line) => `  ${line}\n`);
    await host.write('stderr', `doctor: the configuration is not valid:\n${problems.join('')}`);
    return exitCodeOf(error);
  }
  const hint = quickstartHint(
    host.env,
    '.',
    typedCommand(host, { script: 'doctor' }).replace(/ --$/, ''),
  );
  if (hint !== undefined) await host.write('stderr', `doctor: ${hint}\n\n`);
  const sections = await runChecks(allChecks(config, host), CHECK_LIMIT_MS, host.clock);
  const print = args.includes('--json') ? jsonReport : printedReport;
  await host.write('stdout', print(sections));
  return verdictOf(sections).problems === 0 ? EXIT.ok : EXIT.failed;
}
