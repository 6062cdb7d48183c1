import { answerWithoutRun, parseSoakOptions } from './soak-options';

const parsed = (...args: string[]) => parseSoakOptions(args, () => 99);

describe('the options of the soak', () => {
  it('are a short run on Redis with PostgreSQL, with a new seed, where nothing is said', () => {
    expect(parsed()).toEqual({
      minutes: 2,
      seed: 99,
      engine: 'redis',
      store: 'postgres',
      eventsPerSecond: 150,
    });
  });

  it('are taken as they are said', () => {
    const args = '--minutes 30 --seed 5 --engine embedded --rate 40 --report out.md'.split(' ');
    expect(parsed(...args)).toMatchObject({
      minutes: 30,
      seed: 5,
      engine: 'embedded',
      store: 'embedded',
      eventsPerSecond: 40,
      report: 'out.md',
    });
    expect(parsed('--store', 'none')).toMatchObject({ store: 'none' });
  });

  it('are refused with every problem named at once, and the word that was meant', () => {
    const args = '--minuets 3 --minutes 0 --seed x --engine redsi --store disk extra --rate';
    expect(answerTo(args)).toEqual([
      'stderr',
      2,
      '--rate needs a value: --rate N',
      'unknown option --minuets; did you mean --minutes?',
      'unexpected argument "extra"',
      '--engine: expected redis or embedded, got "redsi"; did you mean redis?',
      '--minutes: expected a whole number from 1 to 1440, got "0"',
      '--seed: expected a whole number from 1 to 2147483647, got "x"',
      '--store: expected postgres, embedded or none, got "disk"',
      'Run "npm run soak -- --help" to see every option.',
    ]);
  });

  it('are explained in 80 columns, each one', () => {
    const [stream, exitCode, ...lines] = answerTo('--minutes x --help');
    const text = lines.join('\n');
    expect({ stream, exitCode }).toEqual({ stream: 'stdout', exitCode: 0 });
    expect(text).toContain('Usage: npm run soak -- [options]\n');
    for (const name of [
      'minutes N',
      'seed N',
      'engine NAME',
      'store NAME',
      'rate N',
      'report FILE',
    ])
      expect(text).toContain(`--${name} `);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});

/** Where it is written, the exit code, and the lines. */
function answerTo(line: string): readonly unknown[] {
  const env = { npm_lifecycle_event: 'soak' };
  const answer = answerWithoutRun({ args: line.split(' '), env, command: 'node main.js' });
  if (answer === undefined) return [];
  const lines = answer.text.trimEnd().split('\n');
  return [answer.stream, answer.exitCode, ...lines.map((text) => text.replace(/^soak: /, ''))];
}
