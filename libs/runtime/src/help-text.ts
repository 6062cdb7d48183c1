import type { VariableDescription } from './config';

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
  const lines = [`${name}: ${summary}`, '', `Usage: ${command} [--help]`];
  if (variables.length > 0) lines.push('', 'Environment variables:');
  for (const variable of variables) {
    lines.push(
      '',
      `  ${variable.name.padEnd(width)}  ${variable.description}`,
      `${indent}${expectation(variable)}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function expectation({ form, unit, default: defaultText }: VariableDescription): string {
  const expected = unit === '' ? form : `${form} (${unit})`;
  if (defaultText === '(required)') return `${expected}; must be set`;
  return defaultText === '' ? `${expected}; optional` : `${expected}; default ${defaultText}`;
}
