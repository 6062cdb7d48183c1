import { EVENT_TYPE_PATTERN } from '@event-pipeline/contracts';
import { shownValue } from '@event-pipeline/runtime';
import { OPTIONS, type OptionName } from './option-table';

/** The options given, each with its text; '' for one that takes no value. */
export type GivenOptions = ReadonlyMap<OptionName, string>;

/** Turns texts into values; what is wrong goes to the list of problems, and reading goes on. */
export class OptionValues {
  readonly #given: GivenOptions;
  readonly #problems: string[];

  constructor(given: GivenOptions, problems: string[]) {
    this.#given = given;
    this.#problems = problems;
  }

  has(name: OptionName): boolean {
    return this.#given.has(name);
  }

  text(name: OptionName): string | undefined {
    const value = this.#given.get(name);
    if (value === '') this.#wrong(name, 'a value', value);
    return value;
  }

  number(name: OptionName): number {
    const { min = 0, max = Infinity, fraction = false, ...option } = OPTIONS[name];
    const text = this.#given.get(name) ?? option.default ?? '';
    const value = Number(text);
    const wellFormed = fraction ? /^\d+(\.\d+)?$/.test(text) : /^\d+$/.test(text);
    if (!wellFormed || value < min || value > max) {
      this.#wrong(name, `a ${fraction ? '' : 'whole '}number from ${min} to ${max}`, text);
    }
    return value;
  }

  oneOf<T extends string>(name: OptionName, values: readonly T[]): T {
    const text = this.#given.get(name) ?? OPTIONS[name].default ?? '';
    const value = values.find((candidate) => candidate === text);
    if (value === undefined) this.#wrong(name, oneOfThese(values), text);
    return value ?? (text as T);
  }

  types(name: OptionName): readonly string[] {
    const text = this.#given.get(name) ?? OPTIONS[name].default ?? '';
    const types = text.split(',').map((type) => type.trim());
    if (!types.every((type) => EVENT_TYPE_PATTERN.test(type))) {
      const form = 'a letter, then up to 127 letters, digits, "_", "." or "-"';
      this.#wrong(name, `types separated by commas, each ${form}`, text);
    }
    return types;
  }

  /** host:port, [IPv6]:port, or a name that gRPC resolves by its scheme (dns:, unix:, ipv4:, ipv6:). */
  address(name: OptionName, fallback: string): string {
    const text = this.#given.get(name) ?? fallback;
    const source = this.has(name) ? `--${name}` : 'COLLECTOR_ADDRESS';
    if (/^(dns|unix|ipv4|ipv6):\S+$/.test(text) && !/^dns:\d+$/.test(text)) return text;
    const port = /^(?:[^\s:/[\]]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(text)?.[1];
    if (port === undefined || Number(port) < 1 || Number(port) > 65_535) {
      const form = 'host:port, like localhost:50051';
      this.#problems.push(`${source}: expected ${form}, got ${shownValue(text)}`);
    }
    return text;
  }

  #wrong(name: OptionName, expected: string, got: string): void {
    this.#problems.push(`--${name}: expected ${expected}, got ${shownValue(got)}`);
  }
}

/** "a", "a or b", "a, b or c" */
function oneOfThese(values: readonly string[]): string {
  return values.join(', ').replace(/, ([^,]*)$/, ' or $1');
}
