import { shownValue } from '@event-pipeline/runtime';
import { nearestWord, suggestion } from './nearest-word';
import type { OptionTable } from './option-description';
import type { GivenOptions } from './read-options';

/** Turns texts into values; what is wrong goes to the list of problems, and reading goes on. */
export class OptionValues<Name extends string> {
  constructor(
    private readonly table: OptionTable<Name>,
    private readonly given: GivenOptions<Name>,
    private readonly problems: string[],
  ) {}

  has(name: Name): boolean {
    return this.given.has(name);
  }

  text(name: Name): string | undefined {
    const value = this.given.get(name);
    if (value === '') this.wrong(name, 'a value', value);
    return value;
  }

  number(name: Name): number {
    const { min = 0, max = Infinity, fraction = false, ...option } = this.table[name];
    const text = this.given.get(name) ?? option.default ?? '';
    const value = Number(text);
    const wellFormed = fraction ? /^\d+(\.\d+)?$/.test(text) : /^\d+$/.test(text);
    if (!wellFormed || value < min || value > max) {
      this.wrong(name, `a ${fraction ? '' : 'whole '}number from ${min} to ${max}`, text);
    }
    return value;
  }

  oneOf<T extends string>(name: Name, values: readonly T[]): T {
    const text = this.given.get(name) ?? this.table[name].default ?? '';
    const value = values.find((candidate) => candidate === text);
    if (value === undefined) {
      this.wrong(name, oneOfThese(values), text, suggestion(nearestWord(text, values)));
    }
    return value ?? (text as T);
  }

  /** The texts between commas, each one that fits; undefined where the option is not given. */
  list(
    name: Name,
    expected: string,
    fits: (text: string) => boolean,
  ): readonly string[] | undefined {
    const text = this.given.get(name) ?? this.table[name].default;
    if (text === undefined) return undefined;
    const items = text.split(',').map((item) => item.trim());
    if (!items.every(fits)) this.wrong(name, expected, text);
    return items;
  }

  /** The known words between commas; undefined where the option is not given. */
  someOf<T extends string>(name: Name, known: readonly T[]): readonly T[] | undefined {
    const text = this.given.get(name) ?? this.table[name].default;
    if (text === undefined) return undefined;
    const items = text.split(',').map((item) => item.trim());
    const unknown = items.find((item) => known.every((candidate) => candidate !== item));
    if (unknown !== undefined) {
      const form = `${oneOfThese(known)}, separated by commas`;
      this.wrong(name, form, unknown, suggestion(nearestWord(unknown, known)));
    }
    return known.filter((candidate) => items.includes(candidate));
  }

  /** Notes that an option's value is not what was expected. */
  wrong(name: Name, expected: string, got: string, hint = ''): void {
    this.problems.push(`--${name}: expected ${expected}, got ${shownValue(got)}${hint}`);
  }
}

/** "a", "a or b", "a, b or c" */
export function oneOfThese(values: readonly string[]): string {
  return values.join(', ').replace(/, ([^,]*)$/, ' or $1');
}
