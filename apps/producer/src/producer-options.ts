import { OptionValues, readCommandLine } from '@event-pipeline/command-line';
import { EVENT_TYPE_PATTERN } from '@event-pipeline/contracts';
import { PipelineError, shownValue } from '@event-pipeline/runtime';
import { OPTIONS, type OptionName } from './option-table';
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
  const { options: given, words, doubtful } = readCommandLine(args, OPTIONS, problems);
  words.forEach((word, place) => {
    if (!doubtful.has(place)) problems.push(`unexpected argument ${shownValue(word)}`);
  });
  if (given.has('help')) return 'help';
  const values = new OptionValues(OPTIONS, given, problems);
  const options: ProducerOptions = {
    events: eventsOf(values),
    rate: values.number('rate'),
    collector: addressOf(given.get('collector'), collectorAddress, problems),
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

type Values = OptionValues<OptionName>;

function eventsOf(values: Values): ProducerOptions['events'] {
  const path = values.text('file');
  if (path !== undefined) return { from: 'file', path };
  const seed = values.has('seed') ? values.number('seed') : undefined;
  return { from: 'generator', count: values.number('count'), types: typesOf(values), seed };
}

function typesOf(values: Values): readonly string[] {
  const form =
    'types separated by commas, each a letter, then up to 127 letters, digits, "_", "." or "-"';
  return values.list('types', form, (type) => EVENT_TYPE_PATTERN.test(type)) ?? [];
}

/** host:port, [IPv6]:port, or a name that gRPC resolves by its scheme (dns:, unix:, ipv4:, ipv6:). */
function addressOf(given: string | undefined, fallback: string, problems: string[]): string {
  const text = given ?? fallback;
  const source = given === undefined ? 'COLLECTOR_ADDRESS' : '--collector';
  if (/^(dns|unix|ipv4|ipv6):\S+$/.test(text) && !/^dns:\d+$/.test(text)) return text;
  const port = /^(?:[^\s:/[\]]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(text)?.[1];
  if (port === undefined || Number(port) < 1 || Number(port) > 65_535) {
    const form = 'host:port, like localhost:50051';
    problems.push(`${source}: expected ${form}, got ${shownValue(text)}`);
  }
  return text;
}
