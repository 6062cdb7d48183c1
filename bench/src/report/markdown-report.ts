import type { ComparisonResult, FigureResult, ScenarioResult } from '../result';

/** The README.md of a folder of results. */
export function markdownOf(results: readonly ScenarioResult[]): string {
  return [
    '# Results of the benchmarks',
    '',
    'Written by `npm run bench`; what each scenario is, and how to read this, is in',
    '[docs/performance.md](../../docs/performance.md). Figures are medians, with the lowest and the highest',
    'round in brackets. Ratios are taken round by round, then their median.',
    '',
    ...table(
      ['Scenario', 'Comparison', 'Found', 'Goal', 'Met'],
      results.flatMap((result) =>
        result.comparisons.map((comparison) => [
          `[${result.name}](#${result.name})`,
          comparison.name,
          spread(comparison, ratioText),
          goalText(comparison),
          comparison.isMet ? 'yes' : 'no',
        ]),
      ),
    ),
    ...results.flatMap(sectionOf),
    '',
  ].join('\n');
}

function sectionOf(result: ScenarioResult): readonly string[] {
  const { machine, rounds, scale } = result;
  const programs = Object.entries(machine.programs).map(([name, version]) => `${name}: ${version}`);
  return [
    '',
    `## ${result.name}`,
    '',
    `${result.title}. ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, commit ${result.commit}, ${result.takenAt.slice(0, 10)}.`,
    ...(scale === 1 ? [] : ['', `**Run at a scale of ${scale}: no figure here counts.**`]),
    '',
    `![${result.title}](${result.name}.svg)`,
    '',
    ...table(
      ['Side', 'Found'],
      result.figures.map((figure) => [
        figure.title,
        `${spread(figure, (value) => figureText(value, figure))} ${figure.unit}`,
      ]),
    ),
    '',
    ...result.conditions.map((line) => `- ${line}`),
    ...result.skipped.map((line) => `- Left out: ${line}.`),
    `- ${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}, Node.js ${machine.node}, ${machine.fsyncMs} ms for 4 KiB with fsync.`,
    `- ${programs.join('; ')}.`,
  ];
}

function goalText({ goal, isRatio }: ComparisonResult): string {
  const of = isRatio ? '' : ' (no ratio)';
  return 'atLeast' in goal ? `at least ${goal.atLeast}${of}` : `at most ${goal.atMost}${of}`;
}

function spread<T extends { median: number; lowest: number; highest: number }>(
  { median, lowest, highest }: T,
  text: (value: number) => string,
): string {
  return `${text(median)} (${text(lowest)} to ${text(highest)})`;
}

function ratioText(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toPrecision(3);
}

export function figureText(value: number, { unit }: Pick<FigureResult, 'unit'>): string {
  if (unit === 'events/s') return Math.round(value).toLocaleString('en-US');
  return value >= 100 ? String(Math.round(value)) : value.toPrecision(3);
}

/** Padded, as Prettier wants it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_, at) => Math.max(3, ...cells.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  const [first = '', ...rest] = cells.map(line);
  return [first, line(widths.map((width) => '-'.repeat(width))), ...rest];
}
