import {
  helpParagraph,
  helpRows,
  optionRows,
  type OptionDescription,
  type OptionTable,
} from '@event-pipeline/command-line';
import { DEAD_REASONS, MAX_PARTITIONS } from '@event-pipeline/queue';

const table = {
  partition: {
    value: 'N',
    min: 0,
    max: MAX_PARTITIONS - 1,
    description: 'only this partition',
  },
  id: {
    value: 'LIST',
    description: 'only these dead letters, by their ids (PARTITION/NUMBER), separated by commas',
  },
  reason: { value: 'LIST', description: `only those that died of ${DEAD_REASONS.join(', ')}` },
  type: { value: 'LIST', description: 'only events of these types' },
  handler: { value: 'LIST', description: 'only those that failed in these handlers' },
  'older-than': {
    value: 'AGE',
    description: 'only those that died longer ago than this: 90s, 5m, 2h, 3d',
  },
  'newer-than': { value: 'AGE', description: 'only those that died since then: 90s, 5m, 2h, 3d' },
  limit: {
    value: 'N',
    min: 1,
    max: 1_000_000_000,
    description:
      'at most this many; unset, dead list shows 100 (with --json all), the others take all',
  },
  'dry-run': { description: 'say what would be done, and change nothing' },
  yes: { short: 'y', description: 'do not ask before all dead letters are moved or dropped' },
  json: {
    description: 'print JSON and nothing else on standard output: a line a letter, or one object',
  },
  help: { short: 'h', description: 'print this text' },
} as const satisfies Record<string, OptionDescription>;

export type OptionName = keyof typeof table;

/** Every option: the command line is read, checked and explained from this list. */
export const OPTIONS: OptionTable<OptionName> = table;

/** Options that choose among dead letters. Without any of them all are meant. */
export const FILTERS: readonly OptionName[] = [
  'partition',
  'id',
  'reason',
  'type',
  'handler',
  'older-than',
  'newer-than',
];

export interface CommandDescription {
  readonly words: string;
  /** What stands behind the words in the help. */
  readonly argument?: string;
  readonly description: string;
  readonly options: readonly OptionName[];
}

const MOVING: readonly OptionName[] = [...FILTERS, 'limit', 'dry-run', 'yes', 'json', 'help'];

const commands = {
  depth: {
    words: 'depth',
    description: 'how many events are in which state, how many bytes, and how old the backlog is',
    options: ['partition', 'json', 'help'],
  },
  list: {
    words: 'dead list',
    description: 'list dead letters, oldest first',
    options: [...FILTERS, 'limit', 'json', 'help'],
  },
  show: {
    words: 'dead show',
    argument: 'ID',
    description: 'show one dead letter with its event in full',
    options: ['json', 'help'],
  },
  redrive: {
    words: 'dead redrive',
    description: 'put dead letters back into the queue, as events that have never failed',
    options: MOVING,
  },
  purge: { words: 'dead purge', description: 'drop dead letters for good', options: MOVING },
} as const satisfies Record<string, CommandDescription>;

export type CommandName = keyof typeof commands;

/** Every command. */
export const COMMANDS: Readonly<Record<CommandName, CommandDescription>> = commands;

/** What `--help` prints. */
export function helpText(command: string): string {
  const rows = Object.values<CommandDescription>(commands).map(
    ({ words, argument, description }) =>
      [argument === undefined ? words : `${words} ${argument}`, description] as const,
  );
  return [
    ...helpParagraph(
      'queue: looks at a queue, and at the events that were given up: its dead letters.',
    ),
    '',
    `Usage: ${command} COMMAND [options]`,
    '',
    'Commands:',
    ...helpRows(rows),
    '',
    'Options:',
    ...optionRows(OPTIONS),
    '',
    ...helpParagraph(
      'The queue is the one that QUEUE_URL, QUEUE_NAME, REDIS_HOST and REDIS_PORT name, as for ' +
        'collector and worker, which may run meanwhile. That of npm start: ' +
        'QUEUE_URL=embedded:.data/queue',
    ),
    '',
    ...helpParagraph(
      'Filters are combined: a dead letter is taken when all of them fit. A redrive or a purge ' +
        'takes what was dead when it began. Ctrl-C stops it between two steps; run again, it goes ' +
        'on with the rest.',
    ),
    '',
    ...helpParagraph(
      'Exit code: 0 when it was done, 1 when not (also where a redrive left letters that are no ' +
        'events), 2 for wrong usage, 128 + its number for a signal: 130 on Ctrl-C.',
    ),
    '',
  ].join('\n');
}
