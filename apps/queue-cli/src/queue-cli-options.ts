import {
  OptionValues,
  nearestWord,
  readCommandLine,
  suggestion,
  type CommandLine,
} from '@event-pipeline/command-line';
import { DEAD_REASONS } from '@event-pipeline/queue';
import { PipelineError, shownValue } from '@event-pipeline/runtime';
import { parseAge } from './age';
import { LETTER_ID_FORM, parseLetterId, type LetterPlace } from './letter-id';
import type { LetterFilter } from './letter-filter';
import { COMMANDS, FILTERS, OPTIONS, type CommandName, type OptionName } from './option-table';

/** Which dead letters are meant. */
export interface LetterChoice {
  /** Only this partition. */
  readonly partition: number | undefined;
  /** Only these. */
  readonly places: readonly LetterPlace[] | undefined;
  readonly filter: LetterFilter;
  /** Infinity where there is none. */
  readonly limit: number;
}

export type QueueCommand =
  | { readonly name: 'depth'; readonly json: boolean; readonly partition: number | undefined }
  | { readonly name: 'list'; readonly json: boolean; readonly choice: LetterChoice }
  | { readonly name: 'show'; readonly json: boolean; readonly place: LetterPlace }
  | MoveCommand;

export interface MoveCommand {
  readonly name: 'redrive' | 'purge';
  readonly json: boolean;
  readonly choice: LetterChoice;
  readonly dryRun: boolean;
  /** Whether every dead letter is meant, and nobody has said that this is so. */
  readonly mustBeConfirmed: boolean;
}

type Values = OptionValues<OptionName>;

/** Letters that a person is shown, unless more are asked for. */
const SHOWN_LETTERS = 100;
const AGE_FORM = 'an age like 90s, 5m, 2h or 3d';

/**
 * Reads the command line.
 *
 * @param now what ages are counted from, Unix ms
 * @returns 'help' where that was asked for, whatever else is given
 * @throws PipelineError CONFIG_INVALID whose message names every problem, a line each
 */
export function parseCommand(args: readonly string[], now: number): QueueCommand | 'help' {
  const problems: string[] = [];
  const line = readCommandLine(args, OPTIONS, problems);
  const { options, words, hasUnknownOptions } = line;
  if (options.has('help') || words[0] === 'help') return 'help';
  const { name, rest } = commandOf(line);
  if (name === undefined) {
    problems.unshift(unknownCommand(rest));
  } else {
    for (const option of options.keys()) {
      if (COMMANDS[name].options.includes(option)) continue;
      problems.push(`--${option} does not go with ${COMMANDS[name].words}`);
    }
    if (name !== 'show') {
      for (const word of rest) problems.push(`unexpected argument ${shownValue(word)}`);
    }
  }
  if (hasUnknownOptions) problems.push(knownOptions(name));
  const values = new OptionValues(OPTIONS, options, problems);
  const choice = choiceOf(values, now, problems);
  const command =
    name === undefined ? undefined : commandWith(name, rest, values, choice, problems);
  if (problems.length > 0 || command === undefined) {
    throw new PipelineError('CONFIG_INVALID', problems.join('\n'));
  }
  return command;
}

/** Undefined where the words behind the command make none of it: then a problem says why. */
function commandWith(
  name: CommandName,
  rest: readonly string[],
  values: Values,
  choice: LetterChoice,
  problems: string[],
): QueueCommand | undefined {
  const json = values.has('json');
  if (name === 'depth') return { name, json, partition: choice.partition };
  if (name === 'show') {
    const place = placeOf(rest, problems);
    return place && { name, json, place };
  }
  if (name === 'list') {
    const isBounded = json || values.has('limit');
    return { name, json, choice: isBounded ? choice : { ...choice, limit: SHOWN_LETTERS } };
  }
  const dryRun = values.has('dry-run');
  const isFiltered = FILTERS.some((option) => values.has(option));
  const mustBeConfirmed = !isFiltered && !dryRun && !values.has('yes');
  return { name, json, choice, dryRun, mustBeConfirmed };
}

/**
 * The command that the words begin with, and the words behind it, without those that may be the value of
 * an option that there is not.
 */
function commandOf({ words, doubtful }: Pick<CommandLine<OptionName>, 'words' | 'doubtful'>): {
  name: CommandName | undefined;
  rest: readonly string[];
} {
  const places = words.map((_, place) => place);
  for (const those of [places, places.filter((place) => !doubtful.has(place))]) {
    for (const name of Object.keys(COMMANDS) as CommandName[]) {
      const command = COMMANDS[name].words.split(' ');
      if (!command.every((word, index) => words[those[index] ?? -1] === word)) continue;
      const behind = those.slice(command.length).filter((place) => !doubtful.has(place));
      return { name, rest: behind.flatMap((place) => words[place] ?? []) };
    }
  }
  return { name: undefined, rest: words.filter((_, place) => !doubtful.has(place)) };
}

/** With the command that was probably meant, where one is near: "dead lsit", "list", "dead-list". */
function unknownCommand(words: readonly string[]): string {
  const there = Object.values(COMMANDS).map((command) => command.words);
  const all = `there are ${there.join(', ')}`;
  const [first = '', second = ''] = words;
  if (words.length === 0) return `no command; ${all}`;
  const given = `unknown command ${shownValue(words.join(' '))}`;
  const last = new Map(there.map((command) => [command.split(' ').at(-1) ?? '', command]));
  const shortened = nearestWord(first, [...last.keys()]);
  const nearest =
    (second === '' ? undefined : nearestWord(`${first} ${second}`, there)) ??
    (first === 'dead' && second === '' ? undefined : nearestWord(first, there)) ??
    (shortened && last.get(shortened));
  return nearest === undefined ? `${given}; ${all}` : `${given}${suggestion(nearest)}`;
}

function knownOptions(name: CommandName | undefined): string {
  const [options, whose] =
    name === undefined
      ? [Object.keys(OPTIONS), 'options']
      : [COMMANDS[name].options, `options of ${COMMANDS[name].words}`];
  return `${whose}: ${options.map((option) => `--${option}`).join(', ')}`;
}

function placeOf(words: readonly string[], problems: string[]): LetterPlace | undefined {
  const place = words.length === 1 ? parseLetterId(words[0] ?? '') : undefined;
  if (place === undefined) {
    const got = words.length === 0 ? 'none' : shownValue(words.join(' '));
    problems.push(`dead show: expected one id, ${LETTER_ID_FORM}, got ${got}`);
  }
  return place;
}

function choiceOf(values: Values, now: number, problems: string[]): LetterChoice {
  const olderThan = ageOf(values, 'older-than');
  const newerThan = ageOf(values, 'newer-than');
  const partition = values.has('partition') ? values.number('partition') : undefined;
  const ids = values.list('id', `ids, ${LETTER_ID_FORM}, separated by commas`, (text) => {
    return parseLetterId(text) !== undefined;
  });
  const reasons = values.someOf('reason', DEAD_REASONS);
  if (olderThan !== undefined && newerThan !== undefined && newerThan <= olderThan) {
    const [newer, older] = [values.text('newer-than'), values.text('older-than')].map(String);
    problems.push(
      `--older-than ${older} and --newer-than ${newer}: nothing died both before ${older} ago and ` +
        `since ${newer} ago; newer-than must be the longer one`,
    );
  }
  return {
    partition,
    places: ids?.map(parseLetterId).filter((place) => place !== undefined),
    limit: values.has('limit') ? values.number('limit') : Infinity,
    filter: {
      reasons,
      types: values.list('type', 'types separated by commas', isText),
      handlers: values.list('handler', 'names of handlers separated by commas', isText),
      diedBefore: olderThan === undefined ? undefined : now - olderThan,
      diedAfter: newerThan === undefined ? undefined : now - newerThan,
    },
  };
}

function ageOf(values: Values, name: 'older-than' | 'newer-than'): number | undefined {
  const text = values.text(name);
  const age = text === undefined ? undefined : parseAge(text);
  if (text !== undefined && text !== '' && age === undefined) values.wrong(name, AGE_FORM, text);
  return age;
}

function isText(text: string): boolean {
  return text !== '';
}
