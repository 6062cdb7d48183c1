import { parseArgs } from 'node:util';
import { escapeUnprintable } from '@event-pipeline/runtime';
import { nearestWord, suggestion } from './nearest-word';
import type { OptionTable } from './option-description';

/** The options given, each with its text; '' for one that takes no value. */
export type GivenOptions<Name extends string> = ReadonlyMap<Name, string>;

export interface CommandLine<Name extends string> {
  readonly options: GivenOptions<Name>;
  /** What belongs to no option, in its order. */
  readonly words: readonly string[];
  /**
   * Which of the words stand right behind an option that the table does not have, by their places: each
   * may be the value of that option, so that it is no mistake of its own.
   */
  readonly doubtful: ReadonlySet<number>;
  /** Whether an option among them is neither in the table nor near one that is. */
  readonly hasUnknownOptions: boolean;
}

/**
 * Sorts the arguments by option; what fits none is a problem, and reading goes on. An option that is
 * misspelt is one problem: what would be its value is taken with it.
 */
export function readCommandLine<Name extends string>(
  args: readonly string[],
  table: OptionTable<Name>,
  problems: string[],
): CommandLine<Name> {
  const readable = withoutOptionsThatLackValues(args, table, problems);
  const { tokens } = parseArgs({
    args: readable,
    // Not strict: it would throw at the first problem, and a user wants to see all of them.
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      Object.keys(table).map((name) => {
        const { value, short } = table[name as Name];
        return [
          name,
          { type: value === undefined ? 'boolean' : 'string', ...(short && { short }) },
        ];
      }),
    ),
  });
  const options = new Map<Name, string>();
  const words: string[] = [];
  const doubtful = new Set<number>();
  let hasUnknownOptions = false;
  let unknown: UnknownOption<Name> | undefined;
  for (const token of tokens) {
    if (token.kind === 'positional') {
      const isBehind = unknown !== undefined && token.index === unknown.index + 1;
      if (isBehind && unknown?.nearest && table[unknown.nearest].value !== undefined) continue;
      if (isBehind) doubtful.add(words.length);
      words.push(token.value);
    }
    if (token.kind !== 'option') continue;
    const { name, rawName, value, index } = token;
    // "-limit" is read as -l, -i, …: one mistake.
    if (index === unknown?.index) continue;
    if (!isOption(name, table)) {
      const typed = rawName.startsWith('--') ? rawName : (readable[index] ?? rawName);
      const nearest = nearestWord(typed.replace(/^-+/, ''), Object.keys(table) as Name[]);
      const hint = suggestion(nearest && `--${nearest}`);
      problems.push(`unknown option ${escapeUnprintable(typed)}${hint}`);
      hasUnknownOptions ||= nearest === undefined;
      // With "=" it has its value.
      unknown = { index: value === undefined ? index : NOWHERE, nearest };
      continue;
    }
    const form = table[name].value;
    if (options.has(name)) problems.push(`--${name} is given twice`);
    if (form === undefined && value !== undefined) problems.push(`--${name} takes no value`);
    options.set(name, form === undefined ? '' : (value ?? ''));
  }
  return { options, words, doubtful, hasUnknownOptions };
}

/** parseArgs would take the next option for the value, and what is behind that for a word. */
function withoutOptionsThatLackValues<Name extends string>(
  args: readonly string[],
  table: OptionTable<Name>,
  problems: string[],
): string[] {
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  return args.filter((arg, place) => {
    const name = arg.startsWith('--') ? arg.slice(2) : '';
    if (place >= end || !isOption(name, table)) return true;
    const form = table[name].value;
    const next = args[place + 1];
    if (form === undefined || (next !== undefined && !next.startsWith('--'))) return true;
    problems.push(`--${name} needs a value: --${name} ${form}`);
    return false;
  });
}

interface UnknownOption<Name extends string> {
  /** Its place among the arguments. */
  readonly index: number;
  /** The option that was probably meant. */
  readonly nearest: Name | undefined;
}

/** A place that no argument has, nor one beside it. */
const NOWHERE = -2;

function isOption<Name extends string>(name: string, table: OptionTable<Name>): name is Name {
  return Object.hasOwn(table, name);
}
