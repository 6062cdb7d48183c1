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
  const args = line.split(' ').filter(Boolean);
  const { options, words, doubtful } = readCommandLine(args, table, problems);
  return { values: new OptionValues(table, options, problems), words, doubtful, problems };
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
      '--names needs a value: --names LIST',
      'unknown option --cuont; did you mean --count?',
      '--fast takes no value',
      '--count is given twice',
      '--names: expected names, got "a,,"',
    ]);
    expect(read('--count 10').values.number('count')).toBe(10);
  });

  it.each([
    // The value of what was meant is taken with it.
    ['--cuont 1 go', ['--cuont; did you mean --count?'], ['go'], []],
    ['--cuont=1 go', ['--cuont; did you mean --count?'], ['go'], []],
    ['--fats go', ['--fats; did you mean --fast?'], ['go'], [0]],
    ['-count 5 go', ['-count; did you mean --count?'], ['go'], []],
    ['there --what go now', ['--what'], ['there', 'go', 'now'], [1]],
    ['--what=1 go', ['--what'], ['go'], []],
    ['-x go', ['-x'], ['go'], [0]],
  ])('names the option that was meant, once: %s', (line, unknown, words, doubtful) => {
    const found = read(line);
    expect(found.problems).toEqual(unknown.map((text) => `unknown option ${text}`));
    expect(found.words).toEqual(words);
    expect([...found.doubtful]).toEqual(doubtful);
  });

  it('takes the next option neither for a value nor for a mistake', () => {
    const { values, words, problems } = read('go --names --count 5');
    expect(problems).toEqual(['--names needs a value: --names LIST']);
    expect(words).toEqual(['go']);
    expect(values.number('count')).toBe(5);
  });

  it('names the word that was meant among those that an option takes', () => {
    const { values, problems } = read('--names rde,green');
    expect(values.someOf('names', ['red', 'green'])).toEqual(['green']);
    expect(problems).toEqual([
      '--names: expected red or green, separated by commas, got "rde"; did you mean red?',
    ]);
    expect(read('--names green,red,red').values.someOf('names', ['red', 'green'])).toEqual([
      'red',
      'green',
    ]);
    expect(read('').values.someOf('names', ['red'])).toBeUndefined();
  });

  it('is explained in 80 columns', () => {
    const rows = optionRows(table);
    expect(rows[0]).toBe('      --count N     how many (default 3)');
    expect(rows.length).toBeGreaterThan(4);
    expect(Math.max(...rows.map((row) => row.length))).toBeLessThanOrEqual(80);
  });
});
