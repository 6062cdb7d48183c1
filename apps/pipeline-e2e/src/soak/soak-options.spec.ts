import { parseSoakOptions } from './soak-options';

const parsed = (...args: string[]) => parseSoakOptions(args, () => 99);

describe('the options of the soak', () => {
  it('are a short run on Redis with PostgreSQL, with a new seed, where nothing is said', () => {
    expect(parsed()).toEqual({
      minutes: 2,
      seed: 99,
      engine: 'redis',
      store: 'postgres',
      eventsPerSecond: 150,
      help: false,
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
    expect(parsed('--store', 'none').store).toBe('none');
  });

  it('are refused with every problem named at once', () => {
    const args = ['--minutes', '0', '--seed', 'x', '--engine', 'kafka', '--store', 'disk'];
    expect(() => parsed(...args)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/--minutes.*\n?[^]*--seed[^]*--store/),
      }),
    );
    expect(() => parsed('--what')).toThrow(/Unknown option '--what'/);
  });
});
