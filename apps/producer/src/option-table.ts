import { optionRows, type OptionDescription, type OptionTable } from '@event-pipeline/command-line';

const table = {
  count: {
    value: 'N',
    default: '10000',
    min: 1,
    max: 1_000_000_000,
    description: 'how many events to generate',
  },
  rate: {
    value: 'N',
    default: '0',
    min: 0,
    max: 10_000_000,
    fraction: true,
    description: 'events per second over all connections; 0 sends as fast as possible',
  },
  types: {
    value: 'LIST',
    default: 'page_view,user_login',
    description: 'types of the generated events, separated by commas, taken in turn',
  },
  seed: {
    value: 'N',
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    description: 'generate the same events (ids, types, timestamps) in every run with this seed',
  },
  file: {
    value: 'PATH',
    description:
      'send the events of this file instead of generated ones, one JSON object a line; - reads standard input',
  },
  collector: {
    value: 'HOST:PORT',
    description: 'where the collector listens (default COLLECTOR_ADDRESS, else localhost:50051)',
  },
  connections: {
    value: 'N',
    default: '1',
    min: 1,
    max: 64,
    description: 'connections side by side; order is kept within one',
  },
  mode: {
    value: 'MODE',
    default: 'batch',
    description:
      'one of batch (PublishEventStream, batches acknowledged one by one), stream (StreamEvents, one event a message) and unary (PublishEvents, one batch a call)',
  },
  'batch-size': {
    value: 'N',
    default: '500',
    min: 1,
    max: 10_000,
    description: 'events in a batch of --mode batch and --mode unary',
  },
  timeout: {
    value: 'SECONDS',
    default: '30',
    min: 0.1,
    max: 600,
    fraction: true,
    description: 'give up when the collector has answered nothing for this long',
  },
  json: {
    description: 'print the summary as one JSON object, and nothing else, on standard output',
  },
  help: { short: 'h', description: 'print this text' },
} as const satisfies Record<string, OptionDescription>;

export type OptionName = keyof typeof table;

/** Every option: the command line is read, checked and explained from this list. */
export const OPTIONS: OptionTable<OptionName> = table;

/** What `--help` prints. */
export function helpText(command: string): string {
  return [
    'producer: generates events, or reads them from a file, and sends them to the collector.',
    '',
    `Usage: ${command} [options]`,
    '',
    ...optionRows(OPTIONS),
    '',
    'A line of --file is a JSON object: type, and where wanted eventId (a UUID; made where missing),',
    'timestamp (Unix milliseconds or ISO 8601 with an offset; now where missing), data (any JSON),',
    'dataContentType, attributes (an object of strings), source, partitionKey, schemaVersion:',
    '',
    '  {"type":"page_view","data":{"path":"/"},"source":"web"}',
    '',
    'Exit code: 0 when every event was acknowledged, 1 when not, 2 for wrong usage, 130 on Ctrl-C.',
    '',
  ].join('\n');
}
