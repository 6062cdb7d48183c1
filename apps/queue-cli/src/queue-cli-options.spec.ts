import { oneOfThese } from '@event-pipeline/command-line';
import { DEAD_REASONS } from '@event-pipeline/queue';
import { PipelineError } from '@event-pipeline/runtime';
import { COMMANDS, OPTIONS, helpText } from './option-table';
import { parseCommand, type QueueCommand } from './queue-cli-options';

const NOW = 1_700_000_000_000;
const parse = (line: string) => parseCommand(line.split(' ').filter(Boolean), NOW);

function commandOf<N extends QueueCommand['name']>(line: string): QueueCommand & { name: N } {
  return parse(line) as QueueCommand & { name: N };
}

function problemsOf(line: string): string[] {
  try {
    parse(line);
  } catch (error) {
    expect(error).toBeInstanceOf(PipelineError);
    expect((error as PipelineError).code).toBe('CONFIG_INVALID');
    return (error as Error).message.split('\n');
  }
  return [];
}

describe('the command line', () => {
  it('knows every command', () => {
    expect(parse('depth --partition 3 --json')).toEqual({
      name: 'depth',
      json: true,
      partition: 3,
    });
    expect(parse('dead list')).toMatchObject({ name: 'list', choice: { limit: 100 } });
    expect(parse('dead list --json')).toMatchObject({ json: true, choice: { limit: Infinity } });
    expect(parse('dead list --limit 5')).toMatchObject({ choice: { limit: 5 } });
    expect(parse('dead show 2/17-0')).toMatchObject({
      name: 'show',
      place: { partition: 2, id: '17-0' },
    });
    expect(parse('dead redrive')).toMatchObject({ name: 'redrive', choice: { limit: Infinity } });
    expect(parse('dead purge')).toMatchObject({ name: 'purge', dryRun: false });
  });

  it('combines filters', () => {
    const { choice } = commandOf<'redrive'>(
      'dead redrive --reason undecodable,crashed-worker --type a,b --handler mail --older-than 2h ' +
        '--newer-than 3d --partition 1 --id 1/7,1/17-3 --limit 9',
    );
    expect(choice).toEqual({
      partition: 1,
      places: [
        { partition: 1, id: '7' },
        { partition: 1, id: '17-3' },
      ],
      limit: 9,
      filter: {
        reasons: ['undecodable', 'crashed-worker'],
        types: ['a', 'b'],
        handlers: ['mail'],
        diedBefore: NOW - 2 * 3_600_000,
        diedAfter: NOW - 3 * 86_400_000,
      },
    });
  });

  it.each([
    ['dead redrive', true],
    ['dead purge --limit 3', true],
    ['dead purge --yes', false],
    ['dead purge -y', false],
    ['dead redrive --dry-run', false],
    ['dead redrive --type a', false],
    ['dead purge --older-than 1d', false],
    ['dead purge --id 0/1', false],
    ['dead purge --partition 0', false],
  ])('asks before all are taken: %s → %s', (line, mustBeConfirmed) => {
    expect(commandOf<'purge'>(line).mustBeConfirmed).toBe(mustBeConfirmed);
  });

  it.each(['--help', 'dead list -h', 'help', 'nonsense --help --foo'])(
    'explains itself: %s',
    (line) => {
      expect(parse(line)).toBe('help');
    },
  );

  it('has every command and option in its help, in 80 columns', () => {
    const text = helpText('docker-compose run --rm queue');
    for (const { words, description } of Object.values(COMMANDS)) {
      expect(text).toContain(`  ${words}`);
      expect(text.replace(/\s+/g, ' ')).toContain(description);
    }
    for (const name of Object.keys(OPTIONS)) expect(text).toContain(`--${name}`);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('names what exists for a command or an option that does not', () => {
    const there = 'there are depth, dead list, dead show, dead redrive, dead purge';
    expect(problemsOf('')).toEqual([`no command; ${there}`]);
    expect(problemsOf('dead')).toEqual([`unknown command "dead"; ${there}`]);
    expect(problemsOf('kafka topics')).toEqual([`unknown command "kafka topics"; ${there}`]);
    expect(problemsOf('dead show 0/1 --colour')).toEqual([
      'unknown option --colour',
      'options of dead show: --json, --help',
    ]);
  });

  it.each([
    ['dead lsit', 'unknown command "dead lsit"; did you mean dead list?'],
    ['deed list --reason nonsense', 'unknown command "deed list"; did you mean dead list?'],
    ['list', 'unknown command "list"; did you mean dead list?'],
    ['dead-list --json', 'unknown command "dead-list"; did you mean dead list?'],
    ['dpeth', 'unknown command "dpeth"; did you mean depth?'],
    ['prge --yes', 'unknown command "prge"; did you mean dead purge?'],
    ['dead list --raeson undecodable', 'unknown option --raeson; did you mean --reason?'],
    ['dead redrive -type mail', 'unknown option -type; did you mean --type?'],
    ['--jsn depth', 'unknown option --jsn; did you mean --json?'],
    [
      'dead list --reason undecodeable',
      `--reason: expected ${oneOfThese(DEAD_REASONS)}, separated by commas, got "undecodeable"; did you mean undecodable?`,
    ],
  ])('names the word that was meant, and nothing that follows from it: %s', (line, problem) => {
    expect(problemsOf(line).filter((text) => !text.includes('nonsense'))).toEqual([problem]);
  });

  it.each([
    ['--older-than 3d --newer-than 2h', 'nothing died both before 3d ago and since 2h ago'],
    ['--newer-than 60m --older-than 1h', 'nothing died both before 1h ago and since 60m ago'],
  ])('refuses ages that nothing can have: %s', (ages, problem) => {
    expect(problemsOf(`dead purge ${ages}`)).toEqual([expect.stringContaining(problem)]);
    expect(problemsOf('dead purge --older-than 1h --newer-than 61m')).toEqual([]);
  });

  it('names every problem at once', () => {
    expect(
      problemsOf(
        'dead list extra --kafka x --yes --dry-run --reason what --older-than 5 ' +
          '--partition 64 --limit 0 --id 5,0/1 --type , --newer-than',
      ),
    ).toEqual([
      '--newer-than needs a value: --newer-than AGE',
      'unknown option --kafka',
      '--yes does not go with dead list',
      '--dry-run does not go with dead list',
      'unexpected argument "extra"',
      expect.stringMatching(/^options of dead list: --partition, .*--json, --help$/),
      '--older-than: expected an age like 90s, 5m, 2h or 3d, got "5"',
      '--partition: expected a whole number from 0 to 63, got "64"',
      '--id: expected ids, PARTITION/NUMBER, as dead list shows it, separated by commas, got "5,0/1"',
      expect.stringMatching(/^--reason: expected .*attempts-exhausted.*, got "what"$/),
      '--limit: expected a whole number from 1 to 1000000000, got "0"',
      '--type: expected types separated by commas, got ","',
    ]);
  });

  it.each(['dead show', 'dead show 5', 'dead show 0/1 0/2', 'dead show 0/-1', 'dead show 0/1-2-3'])(
    'wants one id to show: %s',
    (line) => {
      expect(problemsOf(line)).toEqual([expect.stringMatching(/^dead show: expected one id/)]);
    },
  );
});
