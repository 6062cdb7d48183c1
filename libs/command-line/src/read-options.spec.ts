import { optionRows } from './help-rows';
import type { OptionDescription } from './option-description';
import { OptionValues } from './option-values';
import { readCommandLine } from './read-options';

const table = {
  count: { value: 'N', default: '3', min: 1, max: 9, description: 'how many' },
  names: { value: 'LIST', description: 'separated by commas' },
  fast: { short: 'f', description: 'word '.repeat(40).trim() },
} satisfies Record<string, OptionDescription>;

function read(line: string) {
  const problems: string[] = [];
  const { options, words } = readCommandLine(line.split(' ').filter(Boolean), table, problems);
  return { values: new OptionValues(table, options, problems), words, problems };
}

describe('a command line', () => {
  it('is read by its table, words apart from options', () => {
    const { values, words, problems } = read('go --count 5 there --names a,b -f');
    expect(words).toEqual(['go', 'there']);
    expect(values.number('count')).toBe(5);
    expect(values.list('names', 'names', Boolean)).toEqual(['a', 'b']);
    expect(values.has('fast')).toBe(true);
    expect(problems).toEqual([]);
  });

  it('has the defaults of its table', () => {
    const { values, problems } = read('');
    expect(values.number('count')).toBe(3);
    expect(values.list('names', 'names', Boolean)).toBeUndefined();
    expect(values.has('fast')).toBe(false);
    expect(problems).toEqual([]);
  });

  it('names every problem and goes on', () => {
    const { values, problems } = read(
      '--cuont 1 --count 10 --fast=yes --names a,, --count 2 --names',
    );
    values.list('names', 'names', Boolean);
    values.number('count');
    expect(problems).toEqual([
      'unknown option --cuont',
      '--fast takes no value',
      '--count is given twice',
      '--names is given twice',
      '--names needs a value: --names LIST',
      '--names: expected names, got "a,,"',
    ]);
    expect(read('--count 10').values.number('count')).toBe(10);
  });

  it('is explained in 100 columns', () => {
    const rows = optionRows(table);
    expect(rows[0]).toBe('      --count N     how many (default 3)');
    expect(rows.length).toBeGreaterThan(4);
    expect(Math.max(...rows.map((row) => row.length))).toBeLessThanOrEqual(100);
  });
});
