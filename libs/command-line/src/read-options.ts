import { parseArgs } from 'node:util';
import { escapeUnprintable } from '@event-pipeline/runtime';
import type { OptionTable } from './option-description';

/** The options given, each with its text; '' for one that takes no value. */
export type GivenOptions<Name extends string> = ReadonlyMap<Name, string>;

export interface CommandLine<Name extends string> {
  readonly options: GivenOptions<Name>;
  /** What belongs to no option, in its order. */
  readonly words: readonly string[];
  /** Whether there is an option among them that the table does not have. */
  readonly hasUnknownOptions: boolean;
}

/** Sorts the arguments by option; what fits none is a problem, and reading goes on. */
export function readCommandLine<Name extends string>(
  args: readonly string[],
  table: OptionTable<Name>,
  problems: string[],
): CommandLine<Name> {
  const { tokens } = parseArgs({
    args: [...args],
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
  let hasUnknownOptions = false;
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    if (!isOption(name, table)) {
      hasUnknownOptions = true;
      problems.push(`unknown option ${escapeUnprintable(rawName)}`);
      continue;
    }
    const form = table[name].value;
    if (options.has(name)) problems.push(`--${name} is given twice`);
    if (form === undefined && value !== undefined) problems.push(`--${name} takes no value`);
    if (form !== undefined && (value === undefined || value.startsWith('--'))) {
      problems.push(`--${name} needs a value: --${name} ${form}`);
    } else {
      options.set(name, value ?? '');
    }
  }
  return { options, words, hasUnknownOptions };
}

function isOption<Name extends string>(name: string, table: OptionTable<Name>): name is Name {
  return Object.hasOwn(table, name);
}
