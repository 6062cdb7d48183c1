import { parseArgs } from 'node:util';
import { PipelineError, shownValue } from '@event-pipeline/runtime';
import type { StoreKind } from '../harness/event-end';

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly engine: 'redis' | 'embedded';
  readonly store: StoreKind;
  readonly eventsPerSecond: number;
  /** Where the report goes; its ending says whether it is Markdown or JSON. */
  readonly report?: string;
  readonly help: boolean;
}

export const MAX_MINUTES = 24 * 60;
const MAX_EVENTS_PER_SECOND = 5_000;

export const SOAK_HELP = `Kills, stops and cuts the parts of a pipeline at random under load, and then
checks that every promise held.

Usage: npm run soak -- --minutes N [--seed S] [--engine redis|embedded]
                        [--store postgres|embedded|none] [--rate N] [--report FILE]

  --minutes N    how long; default 2
  --seed S       repeats the random decisions of a run; default: a new one, which is printed
  --engine NAME  redis (with appendfsync always) or embedded; default redis
  --store NAME   postgres, embedded or none; default postgres on Redis, else embedded
  --rate N       events a second at most; default 150
  --report FILE  writes a report, as JSON where the name ends in .json, else as Markdown
  --help         this text

Exit code: 0 every promise held, 1 one did not, 2 wrong arguments, 130 ended by Ctrl-C.
`;

/** @throws PipelineError CONFIG_INVALID that names every argument that cannot be used. */
export function parseSoakOptions(args: readonly string[], newSeed: () => number): SoakOptions {
  const given = parse(args);
  const problems: string[] = [];
  const count = (name: 'minutes' | 'seed' | 'rate', byDefault: number, max: number): number => {
    const text = given[name];
    if (text === undefined) return byDefault;
    const value = /^\d{1,10}$/.test(text) ? Number(text) : 0;
    if (value >= 1 && value <= max) return value;
    problems.push(`--${name} is ${shownValue(text)}; expected a whole number from 1 to ${max}`);
    return byDefault;
  };
  const oneOf = <T extends string>(name: 'engine' | 'store', names: readonly T[], byDefault: T) => {
    const text = given[name];
    const found = names.find((candidate) => candidate === text);
    if (text === undefined || found !== undefined) return found ?? byDefault;
    problems.push(`--${name} is ${shownValue(text)}; expected ${names.join(' or ')}`);
    return byDefault;
  };
  const engine = oneOf('engine', ['redis', 'embedded'], 'redis');
  const options: SoakOptions = {
    minutes: count('minutes', 2, MAX_MINUTES),
    seed: count('seed', newSeed(), 2 ** 31 - 1),
    engine,
    store: oneOf(
      'store',
      ['postgres', 'embedded', 'none'],
      engine === 'redis' ? 'postgres' : 'embedded',
    ),
    eventsPerSecond: count('rate', 150, MAX_EVENTS_PER_SECOND),
    help: given.help === true,
    ...(given.report !== undefined && { report: given.report }),
  };
  if (problems.length > 0) throw new PipelineError('CONFIG_INVALID', problems.join('\n'));
  return options;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        minutes: { type: 'string' },
        seed: { type: 'string' },
        engine: { type: 'string' },
        store: { type: 'string' },
        rate: { type: 'string' },
        report: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    const [problem = ''] = (error as Error).message.split(/\. |\n/);
    const hint = 'npm run soak -- --help lists what there is';
    throw new PipelineError('CONFIG_INVALID', `${problem}; ${hint}`, { cause: error });
  }
}
