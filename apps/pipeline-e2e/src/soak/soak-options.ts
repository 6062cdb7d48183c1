import {
  OptionValues,
  helpParagraph,
  optionRows,
  readCommandLine,
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
import type { StoreKind } from '../harness/event-end';

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly engine: 'redis' | 'embedded';
  readonly store: StoreKind;
  readonly eventsPerSecond: number;
  /** Where the report goes; its ending says whether it is Markdown or JSON. */
  readonly report?: string;
}

const OPTIONS = {
  minutes: { value: 'N', default: '2', min: 1, max: 24 * 60, description: 'how long' },
  seed: {
    value: 'N',
    min: 1,
    max: 2 ** 31 - 1,
    description: 'repeats the random decisions of a run; unset: a new one, which is printed',
  },
  engine: {
    value: 'NAME',
    default: 'redis',
    description: 'where the queue is: redis (with appendfsync always) or embedded',
  },
  store: {
    value: 'NAME',
    description:
      'where events are stored: postgres, embedded or none; unset: postgres with redis, embedded ' +
      'with embedded',
  },
  rate: { value: 'N', default: '150', min: 1, max: 5_000, description: 'events a second at most' },
  report: {
    value: 'FILE',
    description: 'writes a report there: JSON where the name ends in .json, else Markdown',
  },
  help: { short: 'h', description: 'print this text' },
} as const satisfies Record<string, OptionDescription>;

const STORES: readonly StoreKind[] = ['postgres', 'embedded', 'none'];

/** What `--help` prints. */
export function soakHelp(command: string): string {
  return [
    ...helpParagraph(
      'soak: kills, stops and cuts the parts of a pipeline at random under load, and checks that ' +
        'every promise held.',
    ),
    '',
    `Usage: ${command} [options]`,
    '',
    ...optionRows(OPTIONS),
    '',
    ...helpParagraph(
      'Exit code: 0 when every promise held, 1 when one did not, 2 for wrong usage, 130 on Ctrl-C.',
    ),
    '',
  ].join('\n');
}

/**
 * @returns 'help' where that was asked for, whatever else is given
 * @throws PipelineError CONFIG_INVALID that names every problem, a line each
 */
export function parseSoakOptions(
  args: readonly string[],
  newSeed: () => number,
): SoakOptions | 'help' {
  const problems: string[] = [];
  const line = readCommandLine(args, OPTIONS, problems);
  if (line.options.has('help')) return 'help';
  line.words.forEach((word, place) => {
    if (!line.doubtful.has(place)) problems.push(`unexpected argument ${shownValue(word)}`);
  });
  const values = new OptionValues(OPTIONS, line.options, problems);
  const engine = values.oneOf('engine', ['redis', 'embedded'] as const);
  const storeByDefault = engine === 'redis' ? 'postgres' : 'embedded';
  const report = values.text('report');
  const options: SoakOptions = {
    minutes: values.number('minutes'),
    seed: values.has('seed') ? values.number('seed') : newSeed(),
    engine,
    store: values.has('store') ? values.oneOf('store', STORES) : storeByDefault,
    eventsPerSecond: values.number('rate'),
    ...(report !== undefined && { report }),
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

/** For a command line that starts no soak: the help, or every problem; undefined for any other. */
export function answerWithoutRun(
  host: Pick<ProgramHost, 'args' | 'env' | 'command'>,
): Answer | undefined {
  const command = typedCommand(host, { script: 'soak' });
  try {
    const isHelp = parseSoakOptions(host.args, () => 1) === 'help';
    return isHelp ? { stream: 'stdout', text: soakHelp(command), exitCode: EXIT.ok } : undefined;
  } catch (error) {
    const problems = PipelineError.from(error).message.split('\n');
    const lines = [...problems, `Run "${command} --help" to see every option.`];
    const text = lines.map((line) => `soak: ${escapeUnprintable(line)}\n`).join('');
    return { stream: 'stderr', text, exitCode: EXIT.configInvalid };
  }
}
