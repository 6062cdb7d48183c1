import { HELP_WIDTH } from '@event-pipeline/runtime';
import { answerWithoutRun, benchHelp, parseBenchOptions } from './bench-options';

describe('the command line of the benchmarks', () => {
  it('runs everything, five times, unless it is told otherwise', () => {
    const all = parseBenchOptions([]);
    expect(all).toMatchObject({ rounds: 5, scale: 1, report: 'dist/bench-results' });
    expect(all !== 'help' && all.names).toHaveLength(9);
    expect(
      parseBenchOptions(['backlog', 'stream-events', '--scale', '0.01', '--rounds=2']),
    ).toEqual({
      names: ['stream-events', 'backlog'],
      rounds: 2,
      scale: 0.01,
      report: 'dist/bench-results',
    });
  });

  it('names every mistake at once, with what was probably meant', () => {
    const answer = answerWithoutRun({
      args: ['stream-event', '--rounds', '0', '--scale', '2'],
      env: { npm_lifecycle_event: 'bench' },
      command: 'node x',
    });
    expect(answer).toMatchObject({ stream: 'stderr', exitCode: 2 });
    expect(answer?.text).toMatch(/stream-event.*stream-events/);
    expect(answer?.text).toContain('--rounds');
    expect(answer?.text).toContain('--scale');
    expect(answer?.text).toContain('npm run bench -- --help');
  });

  it('has a help that fits a terminal', () => {
    const lines = benchHelp('npm run bench --').split('\n');
    expect(lines.filter((line) => line.length > HELP_WIDTH)).toEqual([]);
  });
});
