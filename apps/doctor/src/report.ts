import { escapeUnprintable, type Finding } from '@event-pipeline/runtime';
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

/** For a person: a line for each finding, and what to change below it. */
export function printedReport(sections: readonly Section[]): string {
  const lines = sections.flatMap(({ title, findings }) => [
    '',
    title,
    ...findings.flatMap(linesOf),
  ]);
  return [...lines, '', conclusion(verdictOf(sections)), ''].join('\n').trimStart();
}

function linesOf({ setting, value, level, meaning, change }: Finding): string[] {
  const words = `${setting}: ${value}${meaning === '' ? '' : ` — ${meaning}`}`;
  const changes = change.map((one) => `              ${escapeUnprintable(one)}`);
  return [`  ${MARKS[level]}${escapeUnprintable(words)}`, ...changes];
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
