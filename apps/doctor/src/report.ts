import { escapeUnprintable, wrapped, type Finding } from '@event-pipeline/runtime';
import type { Section } from './run-checks';

export interface Verdict {
  readonly problems: number;
  readonly warnings: number;
}

export function verdictOf(sections: readonly Section[]): Verdict {
  const all = sections.flatMap(({ findings }) => findings);
  const count = (level: Finding['level']) => all.filter((one) => one.level === level).length;
  return { problems: count('problem'), warnings: count('warning') };
}

const MARKS: Readonly<Record<Finding['level'], string>> = {
  ok: 'ok      ',
  warning: 'warning ',
  problem: 'PROBLEM ',
};

/** How wide the lines for a person are. */
const WIDTH = 80;
/** Below a mark, and of what to change. */
const INDENT = ' '.repeat(10);
const CHANGE_INDENT = ' '.repeat(14);

/**
 * For a person: each finding, and what to change below it, in lines of 80 characters. A longer line
 * is one that cannot be broken: a path, or a command that is to be copied.
 */
export function printedReport(sections: readonly Section[]): string {
  const lines = sections.flatMap(({ title, findings }) => [
    '',
    ...wrapped(escapeUnprintable(title), WIDTH),
    ...findings.flatMap(linesOf),
  ]);
  return [...lines, '', conclusion(verdictOf(sections)), ''].join('\n').trimStart();
}

function linesOf({ setting, value, level, meaning, change }: Finding): string[] {
  const text = `${setting}: ${value}${meaning === '' ? '' : ` — ${meaning}`}`;
  const [first = '', ...others] = wrapped(escapeUnprintable(text), WIDTH - INDENT.length);
  return [
    `  ${MARKS[level]}${first}`,
    ...others.map((line) => INDENT + line),
    ...change.flatMap((one) => changeLines(escapeUnprintable(one))),
  ];
}

/** A sentence begins small and may be broken; a command or a line of a configuration must not. */
function changeLines(change: string): string[] {
  const isSentence = /^[a-z][a-z,]* [^:=]*$/.test(change) && !change.startsWith('chown ');
  const lines = isSentence ? wrapped(change, WIDTH - CHANGE_INDENT.length) : [change];
  return lines.map((line) => CHANGE_INDENT + line);
}

function conclusion({ problems, warnings }: Verdict): string {
  const some = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;
  if (problems === 0 && warnings === 0) return 'All is right.';
  return problems === 0
    ? `No problem, ${some(warnings, 'warning')}.`
    : `${some(problems, 'problem')}, ${some(warnings, 'warning')}.`;
}

/** For a machine: one JSON document. */
export function jsonReport(sections: readonly Section[]): string {
  const { problems, warnings } = verdictOf(sections);
  return `${JSON.stringify({ ok: problems === 0, problems, warnings, sections }, undefined, 2)}\n`;
}
