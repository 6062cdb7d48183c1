/**
 * What a program writes on stderr where its configuration is wrong: a line for each problem, and how
 * to go on. {@link problemsInReport} reads it again.
 */
export function configurationReport(name: string, problems: readonly string[]): string {
  return [
    `${name}: the configuration is not valid:`,
    ...problems.map((problem) => `${INDENT}${problem}`),
    'Run with --help to see every variable.',
    '',
  ].join('\n');
}

const INDENT = '  ';

/** The problems that a report names; none where the text is no report. */
export function problemsInReport(report: string): readonly string[] {
  return report
    .split(/\r?\n/)
    .filter((line) => line.startsWith(INDENT))
    .map((line) => line.slice(INDENT.length));
}
