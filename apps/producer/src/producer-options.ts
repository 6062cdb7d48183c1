import { parseArgs } from 'node:util';
import { PipelineError, escapeUnprintable, shownValue } from '@event-pipeline/runtime';
import { OPTIONS, type OptionName } from './option-table';
import { OptionValues, type GivenOptions } from './option-values';
import { SEND_MODES, type SendModeName } from './send-modes';

/** What one run shall do. */
export interface ProducerOptions {
  readonly events:
    | {
        readonly from: 'generator';
        readonly count: number;
        readonly types: readonly string[];
        readonly seed: number | undefined;
      }
    | { readonly from: 'file'; readonly path: string };
  /** Events per second; 0 for as fast as possible. */
  readonly rate: number;
  /** host:port. */
  readonly collector: string;
  readonly connections: number;
  readonly mode: SendModeName;
  readonly batchSize: number;
  /** How long the run goes on without any answer. */
  readonly timeoutMs: number;
  readonly json: boolean;
}

/** Options that say what to generate, and so contradict a file. */
const GENERATOR_OPTIONS: readonly OptionName[] = ['count', 'types', 'seed'];

/**
 * Reads the command line. `collectorAddress` stands in where --collector is not given.
 *
 * @returns 'help' where that was asked for, whatever else is given.
 * @throws PipelineError CONFIG_INVALID whose message names every problem, a line each.
 */
export function parseOptions(
  args: readonly string[],
  collectorAddress: string,
): ProducerOptions | 'help' {
  const problems: string[] = [];
  const given = readArguments(args, problems);
  if (given.has('help')) return 'help';
  const values = new OptionValues(given, problems);
  const options: ProducerOptions = {
    events: eventsOf(values),
    rate: values.number('rate'),
    collector: values.address('collector', collectorAddress),
    connections: values.number('connections'),
    mode: values.oneOf('mode', Object.keys(SEND_MODES) as SendModeName[]),
    batchSize: values.number('batch-size'),
    timeoutMs: values.number('timeout') * 1_000,
    json: given.has('json'),
  };
  if (given.has('file')) {
    for (const name of GENERATOR_OPTIONS.filter((option) => given.has(option))) {
      problems.push(`--${name} is for generated events and cannot go with --file`);
    }
  }
  if (problems.length > 0) throw new PipelineError('CONFIG_INVALID', problems.join('\n'));
  return options;
}

function eventsOf(values: OptionValues): ProducerOptions['events'] {
  const path = values.text('file');
  if (path !== undefined) return { from: 'file', path };
  const seed = values.has('seed') ? values.number('seed') : undefined;
  return { from: 'generator', count: values.number('count'), types: values.types('types'), seed };
}

/** Sorts the arguments by option; what fits none is a problem. */
function readArguments(args: readonly string[], problems: string[]): GivenOptions {
  const { tokens } = parseArgs({
    args: [...args],
    // Not strict: it would throw at the first problem, and a user wants to see all of them.
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      Object.entries(OPTIONS).map(([name, { value, short }]) => [
        name,
        { type: value === undefined ? 'boolean' : 'string', ...(short ? { short } : {}) },
      ]),
    ),
  });
  const given = new Map<OptionName, string>();
  for (const token of tokens) {
    if (token.kind === 'positional')
      problems.push(`unexpected argument ${shownValue(token.value)}`);
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    if (!isOption(name)) {
      problems.push(`unknown option ${escapeUnprintable(rawName)}`);
      continue;
    }
    const form = OPTIONS[name].value;
    if (given.has(name)) problems.push(`--${name} is given twice`);
    if (form === undefined && value !== undefined) problems.push(`--${name} takes no value`);
    if (form !== undefined && (value === undefined || value.startsWith('--'))) {
      problems.push(`--${name} needs a value: --${name} ${form}`);
    } else {
      given.set(name, value ?? '');
    }
  }
  return given;
}

function isOption(name: string): name is OptionName {
  return Object.hasOwn(OPTIONS, name);
}
