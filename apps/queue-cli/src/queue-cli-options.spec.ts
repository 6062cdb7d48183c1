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

  it('has every command and option in its help, in 100 columns', () => {
    const text = helpText('npm run queue --');
    for (const { words, description } of Object.values(COMMANDS)) {
      expect(text).toContain(`  ${words}`);
      expect(text.replace(/\s+/g, ' ')).toContain(description);
    }
    for (const name of Object.keys(OPTIONS)) expect(text).toContain(`--${name}`);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it('names what exists for a command or an option that does not', () => {
    const there = 'there are depth, dead list, dead show, dead redrive, dead purge';
    expect(problemsOf('')).toEqual([`no command; ${there}`]);
    expect(problemsOf('dead')).toEqual([`unknown command "dead"; ${there}`]);
    expect(problemsOf('dead lsit')).toEqual([`unknown command "dead lsit"; ${there}`]);
    expect(problemsOf('dead show 0/1 --jsn')).toEqual([
      'unknown option --jsn',
      'options of dead show: --json, --help',
    ]);
  });

  it('names every problem at once', () => {
    expect(
      problemsOf(
        'dead list extra --rson x --yes --dry-run --reason what --older-than 5 ' +
          '--partition 64 --limit 0 --id 5,0/1 --type , --newer-than',
      ),
    ).toEqual([
      'unknown option --rson',
      '--newer-than needs a value: --newer-than AGE',
      '--yes does not go with dead list',
      '--dry-run does not go with dead list',
      'unexpected argument "extra"',
      'unexpected argument "x"',
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
