import { SignalWatch } from '@event-pipeline/command-line';
import { InMemoryQueue } from '@event-pipeline/queue/testing';
import { systemClock, type ProgramEvents, type ProgramHost } from '@event-pipeline/runtime';
import { PassThrough } from 'node:stream';
import { CommandRun } from './command-run';
import { parseCommand } from './queue-cli-options';

const NEVER = new Promise<never>(() => undefined);

describe.each(['depth', 'dead show 0/7', 'dead list'])('%s', (line) => {
  it('ends at a signal, though the queue never answers, with its exit code', async () => {
    let events: ProgramEvents | undefined;
    const host: ProgramHost = {
      args: [],
      command: 'queue',
      env: {},
      clock: systemClock,
      write: () => Promise.resolve(),
      listen: (listened) => (events = listened),
      exit: () => undefined,
    };
    const queue = new InMemoryQueue(systemClock);
    const silence = () => {
      events?.signal('SIGINT');
      return NEVER;
    };
    jest.spyOn(queue, 'health').mockImplementation(silence);
    jest.spyOn(queue.deadLetters, 'get').mockImplementation(silence);
    jest.spyOn(queue.deadLetters, 'newest').mockImplementation(silence);
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const signals = new SignalWatch(host, 'queue');
    const run = new CommandRun(queue, 'q', host, { stdin, stdout, stderr }, signals);
    const command = parseCommand(line.split(' '), 0);
    if (command === 'help') throw new Error('help was not asked for');
    expect(await run.execute(command)).toBe(130);
  });
});
