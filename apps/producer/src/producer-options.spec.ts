import { PipelineError } from '@event-pipeline/runtime';
import { OPTIONS, helpText } from './option-table';
import { parseOptions } from './producer-options';

const DEFAULT_ADDRESS = 'localhost:50051';

function optionsOf(...args: string[]) {
  const options = parseOptions(args, DEFAULT_ADDRESS);
  if (options === 'help') throw new Error('no help was asked for');
  return options;
}

function problemsOf(args: string[], address = DEFAULT_ADDRESS): string[] {
  try {
    parseOptions(args, address);
  } catch (error) {
    expect(error).toBeInstanceOf(PipelineError);
    expect((error as PipelineError).code).toBe('CONFIG_INVALID');
    return (error as Error).message.split('\n');
  }
  return [];
}

describe('the command line', () => {
  it('has a default for everything', () => {
    expect(optionsOf()).toEqual({
      events: {
        from: 'generator',
        count: 10_000,
        types: ['page_view', 'user_login'],
        seed: undefined,
      },
      rate: 0,
      collector: DEFAULT_ADDRESS,
      connections: 1,
      mode: 'batch',
      batchSize: 500,
      timeoutMs: 30_000,
      json: false,
    });
  });

  it('takes every option, with a space or an equals sign', () => {
    expect(
      optionsOf(
        ...['--count=5', '--rate', '0.5', '--types', 'a, b.c', '--seed', '7', '--json'],
        ...['--collector', '[::1]:9', '--connections', '3', '--mode=unary'],
        ...['--batch-size', '10', '--timeout', '1.5'],
      ),
    ).toEqual({
      events: { from: 'generator', count: 5, types: ['a', 'b.c'], seed: 7 },
      rate: 0.5,
      collector: '[::1]:9',
      connections: 3,
      mode: 'unary',
      batchSize: 10,
      timeoutMs: 1_500,
      json: true,
    });
  });

  it.each(['-', 'events.ndjson'])('reads events from --file %s', (path) => {
    expect(optionsOf('--file', path).events).toEqual({ from: 'file', path });
  });

  it.each([['--help'], ['-h'], ['--nonsense', '--help', '--count', 'x']])(
    'explains itself when asked: %s %s',
    (...args) => expect(parseOptions(args, DEFAULT_ADDRESS)).toBe('help'),
  );

  it('names every problem at once', () => {
    const args =
      '--count x --rat=3 --mode foo --timeout 0 extra --json=yes --batch-size --seed 1 --seed 2';
    expect(problemsOf([...args.split(' '), '--types'])).toEqual([
      '--batch-size needs a value: --batch-size N',
      '--types needs a value: --types LIST',
      'unknown option --rat; did you mean --rate?',
      '--json takes no value',
      '--seed is given twice',
      'unexpected argument "extra"',
      '--count: expected a whole number from 1 to 1000000000, got "x"',
      '--mode: expected batch, stream or unary, got "foo"',
      '--timeout: expected a number from 0.1 to 600, got "0"',
    ]);
  });

  it('refuses an option given twice', () => {
    expect(problemsOf(['--count', '1', '--count', '2'])).toEqual(['--count is given twice']);
  });

  it.each([
    ['--count', '0'],
    ['--count', '1.5'],
    ['--count', '-5'],
    ['--count', '1e3'],
    ['--count', ''],
    ['--rate', '-1'],
    ['--rate', 'NaN'],
    ['--rate', 'Infinity'],
    ['--connections', '65'],
    ['--batch-size', '10001'],
    ['--timeout', '601'],
    ['--seed', '9007199254740993'],
    ['--types', ''],
    ['--types', 'a,,b'],
    ['--types', '1a'],
    ['--types', 'a b'],
    ['--file', ''],
    ['--collector', ''],
    ['--collector', 'localhost'],
    ['--collector', 'localhost:0'],
    ['--collector', 'localhost:65536'],
    ['--collector', 'http://localhost:50051'],
    ['--collector', '::1:50051'],
    ['--collector', 'a b:1'],
  ])('refuses %s "%s", naming both', (option, value) => {
    const problems = problemsOf([option, value]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${option}: expected .*, got "`));
  });

  it.each(['collector:50051', '127.0.0.1:1', '[::1]:65535', 'dns:///host:1', 'unix:/run/c.sock'])(
    'takes %s as an address',
    (address) => expect(optionsOf('--collector', address).collector).toBe(address),
  );

  it('says which variable holds a bad address', () => {
    expect(problemsOf([], 'nowhere')).toEqual([
      'COLLECTOR_ADDRESS: expected host:port, like localhost:50051, got "nowhere"',
    ]);
  });

  it('refuses what contradicts --file', () => {
    expect(problemsOf(['--file', 'x', '--count', '1', '--types', 'a', '--seed', '1'])).toEqual([
      '--count is for generated events and cannot go with --file',
      '--types is for generated events and cannot go with --file',
      '--seed is for generated events and cannot go with --file',
    ]);
  });

  it('keeps a value from forging lines of the terminal', () => {
    expect(problemsOf(['--mode', '\u001b[2Jx\nproducer: fine'])).toEqual([
      '--mode: expected batch, stream or unary, got "\\u001b[2Jx\\nproducer: fine"',
    ]);
    expect(problemsOf(['\u001b[2J'])[0]).not.toContain('\u001b');
    expect(problemsOf(['--\u001b[2J'])[0]).not.toContain('\u001b');
  });

  it('explains every option in its help', () => {
    const help = helpText('producer');
    for (const [name, { description }] of Object.entries(OPTIONS)) {
      expect(help).toContain(`--${name} `);
      expect(help.replace(/\s+/g, ' ')).toContain(description);
    }
    expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });
});
