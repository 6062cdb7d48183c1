import {
  readCommandLine,
  OptionValues,
  helpParagraph,
  optionRows,
} from '@event-pipeline/command-line';
import type { OptionDescription } from '@event-pipeline/command-line';
import { compareResults, readResults } from './compare-results';

const OPTIONS = {
  new: { value: 'FOLDER', default: 'dist/bench-results', description: 'the run to judge' },
  committed: { value: 'FOLDER', default: 'bench/results', description: 'what it is held against' },
  help: { short: 'h', description: 'print this text' },
} as const satisfies Record<string, OptionDescription>;

/** The text of `npm run bench:compare` and its exit code. */
export function runCompare(args: readonly string[]): { text: string; exitCode: number } {
  const problems: string[] = [];
  const line = readCommandLine(args, OPTIONS, problems);
  if (line.options.has('help')) return { text: compareHelp(), exitCode: 0 };
  problems.push(...line.words.map((word) => `unexpected argument "${word}"`));
  const values = new OptionValues(OPTIONS, line.options, problems);
  const [now, before] = [values.text('new'), values.text('committed')];
  const folders = [now ?? OPTIONS.new.default, before ?? OPTIONS.committed.default] as const;
  if (problems.length > 0) {
    return { text: problems.map((each) => `bench:compare: ${each}\n`).join(''), exitCode: 2 };
  }
  const [found, committed] = folders.map(readResults);
  if (!found?.length) {
    const text = `bench:compare: there are no results in ${folders[0]}: run npm run bench first\n`;
    return { text, exitCode: 2 };
  }
  const { lines, isWorse, compared } = compareResults(committed ?? [], found);
  const verdict = isWorse
    ? 'A ratio got worse by more than its spread.'
    : `${compared} compared, none worse by more than its spread.`;
  return { text: `${[...lines, verdict].join('\n')}\n`, exitCode: isWorse ? 1 : 0 };
}

function compareHelp(): string {
  return [
    ...helpParagraph(
      'bench:compare: compares the ratios of the last npm run bench with the committed ones.',
    ),
    '',
    'Usage: npm run bench:compare -- [options]',
    '',
    ...optionRows(OPTIONS),
    '',
    ...helpParagraph(
      'Exit code: 0 when none got worse by more than its spread, 1 when one did, 2 for wrong usage or ' +
        'where there is nothing to judge.',
    ),
    '',
  ].join('\n');
}
