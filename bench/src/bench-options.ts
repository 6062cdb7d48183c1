import {
  OptionValues,
  helpParagraph,
  helpRows,
  nearestWord,
  optionRows,
  readCommandLine,
  suggestion,
  typedCommand,
  type OptionDescription,
} from '@event-pipeline/command-line';
import {
  EXIT,
  PipelineError,
  escapeUnprintable,
  shownValue,
  type ProgramHost,
} from '@event-pipeline/runtime';
import { SCENARIO_TITLES, type ScenarioName } from './scenario-titles';

export interface BenchOptions {
  /** In the order of the table of goals. */
  readonly names: readonly ScenarioName[];
  readonly rounds: number;
  readonly scale: number;
  readonly report: string;
  /** Where CPU profiles go. */
  readonly profile: string | undefined;
}

const OPTIONS = {
  rounds: { value: 'N', default: '5', min: 1, max: 99, description: 'how often each side runs' },
  scale: {
    value: 'N',
    default: '1',
    min: 0.001,
    max: 1,
    fraction: true,
    description: 'this share of the events and seconds, to try it: such a run does not count',
  },
  report: {
    value: 'FOLDER',
    default: 'dist/bench-results',
    description: 'where JSON, table and charts go; bench/results for those to commit',
  },
  profile: {
    value: 'FOLDER',
    description:
      'have collectors, workers and baselines write CPU profiles: such a run does not count',
  },
  help: { short: 'h', description: 'print this text' },
} as const satisfies Record<string, OptionDescription>;

const NAMES = Object.keys(SCENARIO_TITLES) as ScenarioName[];

/** What `--help` prints. */
export function benchHelp(command: string): string {
  return [
    ...helpParagraph(
      'bench: measures the pipeline against its baselines, in turns, with real programs and servers ' +
        'that it starts itself.',
    ),
    '',
    `Usage: ${command} [NAME ...] [options]`,
    '',
    'Scenarios (all, where none is named):',
    '',
    ...helpRows(NAMES.map((name) => [name, SCENARIO_TITLES[name]])),
    '',
    'Options:',
    '',
    ...optionRows(OPTIONS),
    '',
    ...helpParagraph(
      'Exit code: 0 when every run counted, 1 when one was refused or failed, 2 for wrong usage, 130 ' +
        'on Ctrl-C.',
    ),
    '',
  ].join('\n');
}

/**
 * @returns 'help' where that was asked for, whatever else is given
 * @throws PipelineError CONFIG_INVALID that names every problem, a line each
 */
export function parseBenchOptions(args: readonly string[]): BenchOptions | 'help' {
  const problems: string[] = [];
  const line = readCommandLine(args, OPTIONS, problems);
  if (line.options.has('help')) return 'help';
  line.words.forEach((word, place) => {
    if (line.doubtful.has(place) || NAMES.some((name) => name === word)) return;
    problems.push(
      `there is no scenario ${shownValue(word)}${suggestion(nearestWord(word, NAMES))}`,
    );
  });
  const values = new OptionValues(OPTIONS, line.options, problems);
  const chosen = NAMES.filter((name) => line.words.includes(name));
  const options: BenchOptions = {
    names: chosen.length > 0 ? chosen : NAMES,
    rounds: values.number('rounds'),
    scale: values.number('scale'),
    report: values.text('report') ?? OPTIONS.report.default,
    profile: values.text('profile'),
  };
  if (problems.length > 0) throw new PipelineError('CONFIG_INVALID', problems.join('\n'));
  return options;
}

/** What is written before the program ends. */
export interface Answer {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
  readonly exitCode: number;
}

/** For a command line that measures nothing: the help, or every problem; undefined for any other. */
export function answerWithoutRun(
  host: Pick<ProgramHost, 'args' | 'env' | 'command'>,
): Answer | undefined {
  const command = typedCommand(host, { script: 'bench' });
  try {
    const isHelp = parseBenchOptions(host.args) === 'help';
    return isHelp ? { stream: 'stdout', text: benchHelp(command), exitCode: EXIT.ok } : undefined;
  } catch (error) {
    const problems = PipelineError.from(error).message.split('\n');
    const lines = [...problems, `Run "${command} --help" to see every option.`];
    const text = lines.map((each) => `bench: ${escapeUnprintable(each)}\n`).join('');
    return { stream: 'stderr', text, exitCode: EXIT.configInvalid };
  }
}
