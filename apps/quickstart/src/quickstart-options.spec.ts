import { parseOptions } from './quickstart-options';

describe('the arguments of npm start', () => {
  it('are 10,000 events and staying up unless they say otherwise', () => {
    const nothing = { once: false, checkConfig: false, help: false };
    expect(parseOptions([])).toEqual({ count: 10_000, ...nothing });
    expect(parseOptions(['--check-config'])).toMatchObject({ checkConfig: true });
    expect(parseOptions(['--once', '--count', '5'])).toMatchObject({ count: 5, once: true });
    expect(parseOptions(['--count=7'])).toMatchObject({ count: 7 });
    expect(parseOptions(['-h'])).toMatchObject({ help: true });
  });

  it.each([
    [['--count', '0'], /^--count is "0"; expected a whole number from 1 to 1000000000$/],
    [['--count', '1e4'], /^--count is "1e4"; expected/],
    [['--count'], /^Option '--count <value>' argument missing; npm start -- --help lists/],
    [['--cuont', '1'], /^Unknown option '--cuont'; npm start -- --help lists/],
    [['more'], /^Unexpected argument 'more'; npm start -- --help lists/],
  ])('are refused in one line: %j', (args, problem) => {
    expect(() => parseOptions(args)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(problem) }),
    );
  });
});
