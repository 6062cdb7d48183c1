import type { VariableDescription } from './config';
import { CONFIG_FILE } from './config-sources';
import { HELP_WIDTH, wrapped } from './wrapped-text';

export interface HelpContent {
  readonly name: string;
  readonly summary: string;
  /** How it is called, with its arguments but for `--help`. */
  readonly command: string;
  readonly variables: readonly VariableDescription[];
}

/** What `--help` prints: what the program is, and every variable it reads. */
export function helpText({ name, summary, command, variables }: HelpContent): string {
  const width = Math.max(0, ...variables.map((variable) => variable.name.length));
  const indent = ' '.repeat(width + 4);
  const rows = (text: string) => wrapped(text, HELP_WIDTH - indent.length);
  const lines = [...wrapped(`${name}: ${summary}`, HELP_WIDTH), '', `Usage: ${command} [--help]`];
  if (variables.length > 0) lines.push('', 'Environment variables:');
  for (const variable of variables) {
    lines.push(
      '',
      ...rows(variable.description).map(
        (row, i) => `  ${(i === 0 ? variable.name : '').padEnd(width)}  ${row}`,
      ),
      ...rows(expectation(variable)).map((row) => `${indent}${row}`),
    );
  }
  if (variables.length > 0) lines.push('', ...filesText(variables));
  return `${lines.join('\n')}\n`;
}

function filesText(variables: readonly VariableDescription[]): string[] {
  const names = variables.flatMap(({ fileVariable }) => fileVariable ?? []);
  const secrets = names.length === 0 ? '' : ` ${names.join(', ')}: a file that holds the value.`;
  const text =
    `${CONFIG_FILE}: a file of NAME=VALUE lines, or of JSON, with the variables that are not set.` +
    secrets;
  return wrapped(text, HELP_WIDTH);
}

function expectation({ form, unit, default: defaultText }: VariableDescription): string {
  const expected = unit === '' ? form : `${form} (${unit})`;
  if (defaultText === '(required)') return `${expected}; must be set`;
  return defaultText === '' ? `${expected}; optional` : `${expected}; default ${defaultText}`;
}
