import { HELP_WIDTH, wrapped } from '@event-pipeline/runtime';
import type { OptionDescription } from './option-description';

/** Two columns, indented: names at the left, what they mean at the right, in {@link HELP_WIDTH}. */
export function helpRows(rows: readonly (readonly [left: string, right: string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.flatMap(([left, right]) =>
    wrapped(right, HELP_WIDTH - width - 4).map(
      (line, index) => `  ${(index === 0 ? left : '').padEnd(width)}  ${line}`,
    ),
  );
}

/** A paragraph of a help text, in lines of {@link HELP_WIDTH}. */
export function helpParagraph(text: string): string[] {
  return wrapped(text, HELP_WIDTH);
}

/** The lines that explain options. */
export function optionRows(options: Readonly<Record<string, OptionDescription>>): string[] {
  return helpRows(
    Object.entries(options).map(([name, option]) => {
      const long = option.value === undefined ? `--${name}` : `--${name} ${option.value}`;
      const left = option.short === undefined ? `    ${long}` : `-${option.short}, ${long}`;
      const right =
        option.default === undefined
          ? option.description
          : `${option.description} (default ${option.default})`;
      return [left, right] as const;
    }),
  );
}
