import type { Component } from './component';
import { defineConfig } from './config';
import { env, integer } from './config-fields';
import { problemsInReport } from './configuration-report';
import { PipelineError } from './pipeline-error';
import { runProgram, type ProgramLogger, type ProgramOptions } from './run-program';
import { SimulatedHost } from './testing';
import { tolerateRejections } from './tolerated-rejections';

const config = defineConfig({
  size: env('APP_SIZE', integer({ min: 1, max: 9 }), { default: 3, description: 'How large' }),
  owner: env('APP_OWNER', integer({ min: 1, max: 9 }), { default: 3, description: 'Whose' }),
});
type AppConfig = (typeof config)['fields'];

interface Line {
  readonly level: string;
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

/** Keeps lines, and how many of them were flushed. */
class RecordingLogger implements ProgramLogger {
  readonly lines: Line[] = [];
  flushed = 0;
  toggled = 0;
  info = this.#write('info');
  warn = this.#write('warn');
  error = this.#write('error');
  fatal = this.#write('fatal');

  flush(): void {
    this.flushed = this.lines.length;
  }

  toggleLevel(): void {
    this.toggled += 1;
  }

  messages(level?: string): string[] {
    return this.lines
      .filter((line) => level === undefined || line.level === level)
      .map(({ message }) => message);
  }

  #write(level: string) {
    return (fields: object, message: string) =>
      void this.lines.push({ level, fields: { ...fields }, message });
  }
}

/** A component that notes what is done to it; a step may be given a behaviour. */
function component(
  name: string,
  steps: string[],
  behaviour: {
    start?: () => Promise<void>;
    stop?: (signal: AbortSignal) => Promise<void>;
  } = {},
): Component {
  return {
    name,
    start: async () => {
      steps.push(`start ${name}`);
      await behaviour.start?.();
    },
    stop: async (signal) => {
      steps.push(`stop ${name}${signal.aborted ? ', grace over' : ''}`);
      await behaviour.stop?.(signal);
    },
  };
}

const forEver = () => new Promise<void>(() => undefined);
const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
/** A promise that the test resolves. */
function later() {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}
const othersRun = () => new Promise((resolve) => setImmediate(resolve));

const GRACE_MS = 10_000;

/** Runs a program with these components in a simulated process, up to where it waits. */
async function launch(
  components: readonly Component[],
  options: Partial<ProgramOptions<AppConfig, ProgramLogger>> = {},
  host = new SimulatedHost(),
) {
  const logger = new RecordingLogger();
  const ended = runProgram(
    {
      name: 'app',
      summary: 'Does things.',
      config,
      graceMs: GRACE_MS,
      logger: () => logger,
      build: () => components,
      ...options,
    },
    host,
  );
  await othersRun();
  return { host, logger, ended };
}

describe('a program', () => {
  it('starts its components in order and stops them in reverse on a signal, with exit code 0', async () => {
    const steps: string[] = [];
    const { host, logger, ended } = await launch([component('a', steps), component('b', steps)]);
    expect(steps).toEqual(['start a', 'start b']);
    expect(logger.messages()).toEqual(['started']);
    host.signal('SIGTERM');
    expect(await ended).toBe(0);
    expect(host.exitCode).toBe(0);
    expect(steps.slice(2)).toEqual(['stop b', 'stop a']);
    expect(logger.messages()).toEqual(['started', 'stopping', 'stopped']);
  });

  it('toggles the level of its log at SIGUSR2, and goes on', async () => {
    const { host, logger, ended } = await launch([component('a', [])]);
    host.signalLogLevel();
    host.signalLogLevel();
    expect(logger.toggled).toBe(2);
    expect(host.exitCode).toBeUndefined();
    host.signal('SIGTERM');
    await ended;
  });

  it('hands the configuration and the logger to what builds it', async () => {
    const build = jest.fn(() => []);
    const host = new SimulatedHost({ env: { APP_SIZE: '7' } });
    const { logger, ended } = await launch([], { build }, host);
    expect(build).toHaveBeenCalledWith({ size: 7, owner: 3 }, logger);
    host.signal('SIGINT');
    expect(await ended).toBe(0);
  });

  it('flushes its last log line before it exits', async () => {
    const { host, logger, ended } = await launch([component('a', [])]);
    host.signal('SIGINT');
    await ended;
    expect(logger.flushed).toBe(logger.lines.length);
    expect(logger.lines.at(-1)).toMatchObject({ message: 'stopped', fields: { exitCode: 0 } });
  });

  it('prints every variable for --help and starts nothing', async () => {
    const build = jest.fn(() => []);
    const { host, ended } = await launch([], { build }, new SimulatedHost({ args: ['--help'] }));
    expect(await ended).toBe(0);
    expect(build).not.toHaveBeenCalled();
    expect(host.stdout).toContain('app: Does things.');
    expect(host.stdout).toContain('Usage: node main.js [--check-config] [--help]');
    expect(host.stdout).toMatch(/APP_SIZE +How large\n +a whole number from 1 to 9; default 3\n/);
    expect(host.stderr).toBe('');
  });

  it('refuses any other argument, with exit code 2', async () => {
    const { host, ended } = await launch([], {}, new SimulatedHost({ args: ['--port=1'] }));
    expect(await ended).toBe(2);
    expect(host.stderr).toBe(
      'app: takes no arguments but --check-config and --help, which lists the variables it reads\n',
    );
  });

  describe('with --check-config', () => {
    const check = async (env: NodeJS.ProcessEnv) => {
      const [logger, build] = [jest.fn(), jest.fn()];
      const host = new SimulatedHost({ args: ['--check-config'], env });
      const { ended } = await launch([], { logger, build }, host);
      const code = await ended;
      expect(logger).not.toHaveBeenCalled();
      expect(build).not.toHaveBeenCalled();
      return { code, host };
    };

    it('says that all is right and starts nothing, with exit code 0', async () => {
      const { code, host } = await check({ APP_SIZE: '5' });
      expect(code).toBe(0);
      expect(host.stdout).toBe('app: the configuration is valid\n');
    });

    it('names a variable that is nearly one of its own, which is no problem', async () => {
      const { code, host } = await check({ APP_SZIE: '5' });
      expect(code).toBe(0);
      expect(host.stdout).toBe(
        'app: APP_SZIE is no variable of this program: did you mean APP_SIZE?\n' +
          'app: the configuration is valid\n',
      );
    });

    it('prints what a start would, where something is wrong, with exit code 2', async () => {
      const env = { APP_SIZE: 'big', APP_OWNER: '0', APP_OWNR: '1' };
      const { code, host } = await check(env);
      expect(code).toBe(2);
      const started = new SimulatedHost({ env });
      expect(await (await launch([], {}, started)).ended).toBe(2);
      expect(host.stderr).toBe(started.stderr);
      expect(problemsInReport(host.stderr)).toEqual([
        'APP_SIZE is "big"; expected a whole number from 1 to 9',
        'APP_OWNER is "0"; expected a whole number from 1 to 9',
        'APP_OWNR is no variable of this program: did you mean APP_OWNER?',
      ]);
    });
  });

  it('warns of a variable that is nearly one of its own', async () => {
    const host = new SimulatedHost({ env: { APP_OWNR: '5' } });
    const { logger, ended } = await launch([], {}, host);
    host.signal('SIGTERM');
    expect(await ended).toBe(0);
    expect(logger.messages('warn')).toEqual([
      'APP_OWNR is no variable of this program: did you mean APP_OWNER?',
    ]);
  });

  it('prints each problem of its configuration in a plain line, with exit code 2', async () => {
    const logger = jest.fn();
    const host = new SimulatedHost({ env: { APP_SIZE: 'big', APP_OWNER: '0' } });
    const { ended } = await launch([], { logger }, host);
    expect(await ended).toBe(2);
    expect(logger).not.toHaveBeenCalled();
    expect(host.stderr).toBe(
      [
        'app: the configuration is not valid:',
        '  APP_SIZE is "big"; expected a whole number from 1 to 9',
        '  APP_OWNER is "0"; expected a whole number from 1 to 9',
        'Run with --help to see every variable.',
        '',
      ].join('\n'),
    );
  });

  it('takes its grace from the configuration where that has it', async () => {
    const host = new SimulatedHost({ env: { APP_SIZE: '5' } });
    const stuck = component('a', [], { stop: untilAborted });
    const { ended } = await launch([stuck], { graceMs: ({ size }) => size * 1_000 }, host);
    host.signal('SIGTERM');
    await host.clock.advance(4_999);
    expect(host.exitCode).toBeUndefined();
    await host.clock.advance(1);
    expect(await ended).toBe(1);
  });

  it('says in one plain line why it cannot log, with exit code 1', async () => {
    const logger = () => {
      throw new Error('no such terminal');
    };
    const { host, ended } = await launch([], { logger });
    expect(await ended).toBe(1);
    expect(host.stderr).toBe('app: no such terminal\n');
  });
});

describe('a program that cannot start', () => {
  const failing = (error: unknown) => ({ start: () => Promise.reject(error) });

  it('stops what was built and exits with code 1 and one line', async () => {
    const steps: string[] = [];
    const { logger, ended } = await launch([
      component('a', steps),
      component('b', steps, failing(new PipelineError('QUEUE_UNAVAILABLE', 'no Redis at h:1'))),
      component('c', steps),
    ]);
    expect(await ended).toBe(1);
    expect(steps).toEqual(['start a', 'start b', 'stop c', 'stop b', 'stop a']);
    expect(logger.lines).toEqual([
      {
        level: 'fatal',
        fields: { code: 'QUEUE_UNAVAILABLE' },
        message: 'cannot start: no Redis at h:1',
      },
      { level: 'info', fields: { exitCode: 1 }, message: 'stopped' },
    ]);
  });

  it('exits with code 2 where the configuration is at fault', async () => {
    const { logger, ended } = await launch([
      component('a', [], failing(new PipelineError('CONFIG_INVALID', 'port 1 is taken'))),
    ]);
    expect(await ended).toBe(2);
    expect(logger.messages('fatal')).toEqual(['cannot start: port 1 is taken']);
  });

  it('logs the whole error where it is not one of the known kind', async () => {
    const error = new TypeError('x is not a function');
    const { logger, ended } = await launch([component('a', [], failing(error))]);
    expect(await ended).toBe(1);
    expect(logger.lines[0]).toMatchObject({ level: 'fatal', fields: { err: error } });
  });

  it.each([
    [
      'throws',
      () => {
        throw new PipelineError('CONFIG_INVALID', 'no such folder');
      },
    ],
    ['rejects', () => Promise.reject(new PipelineError('CONFIG_INVALID', 'no such folder'))],
  ])('says so when building it %s', async (_, build) => {
    const { logger, ended } = await launch([], { build });
    expect(await ended).toBe(2);
    expect(logger.messages('fatal')).toEqual(['cannot start: no such folder']);
  });
});

describe('stopping', () => {
  it('takes a second signal within a second as the first one sent twice', async () => {
    const stopped = later();
    const steps: string[] = [];
    const { host, ended } = await launch([
      component('a', steps, {
        stop: async (signal) => {
          await stopped.promise;
          expect(signal.aborted).toBe(false);
        },
      }),
    ]);
    host.signal('SIGINT');
    host.signal('SIGTERM');
    await host.clock.advance(999);
    host.signal('SIGINT');
    await othersRun();
    stopped.resolve();
    expect(await ended).toBe(0);
    expect(steps).toEqual(['start a', 'stop a']);
  });

  it('ends the grace at once when a signal comes again later', async () => {
    const steps: string[] = [];
    const { host, logger, ended } = await launch([
      component('a', steps),
      component('b', steps, { stop: untilAborted }),
    ]);
    host.signal('SIGINT');
    await host.clock.advance(1_000);
    expect(host.exitCode).toBeUndefined();
    host.signal('SIGINT');
    expect(await ended).toBe(1);
    expect(steps.slice(2)).toEqual(['stop b', 'stop a, grace over']);
    expect(logger.messages('error')).toEqual(['not stopped when the grace was over: b']);
  });

  it('names what does not stop, tells the rest to give up, and exits with code 1', async () => {
    const steps: string[] = [];
    const { host, logger, ended } = await launch([
      component('a', steps),
      component('b', steps, { stop: forEver }),
      component('c', steps),
    ]);
    host.signal('SIGTERM');
    await host.clock.advance(GRACE_MS + 999);
    expect(host.exitCode).toBeUndefined();
    await host.clock.advance(1);
    expect(await ended).toBe(1);
    expect(steps.slice(3)).toEqual(['stop c', 'stop b', 'stop a, grace over']);
    expect(logger.messages('error')).toEqual(['not stopped when the grace was over: b']);
  });

  it('goes on with the others when one fails to stop, and exits with code 1', async () => {
    const steps: string[] = [];
    const error = new Error('broken');
    const { host, logger, ended } = await launch([
      component('a', steps),
      component('b', steps, { stop: () => Promise.reject(error) }),
      {
        name: 'c',
        start: async () => undefined,
        stop: () => {
          throw error;
        },
      },
    ]);
    host.signal('SIGTERM');
    expect(await ended).toBe(1);
    expect(steps).toContain('stop a');
    expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([
      { level: 'error', fields: { component: 'c', err: error }, message: 'failed to stop' },
      { level: 'error', fields: { component: 'b', err: error }, message: 'failed to stop' },
    ]);
  });

  it('while it starts waits for the start in progress and starts nothing more', async () => {
    const started = later();
    const steps: string[] = [];
    const { host, logger, ended } = await launch([
      component('a', steps, { start: () => started.promise }),
      component('b', steps),
    ]);
    host.signal('SIGTERM');
    await othersRun();
    expect(steps).toEqual(['start a']);
    started.resolve();
    expect(await ended).toBe(0);
    expect(steps).toEqual(['start a', 'stop b', 'stop a']);
    expect(logger.messages()).toEqual(['stopping', 'stopped']);
  });

  it('while it starts waits no longer than the grace', async () => {
    const steps: string[] = [];
    const { host, logger, ended } = await launch([component('a', steps, { start: forEver })]);
    host.signal('SIGTERM');
    await host.clock.advance(GRACE_MS);
    expect(await ended).toBe(1);
    expect(steps).toEqual(['start a', 'stop a, grace over']);
    expect(logger.messages('error')).toEqual(['still starting when the grace was over: a']);
  });
});

describe('a program that breaks', () => {
  it.each([
    ['uncaught exception', (host: SimulatedHost, error: Error) => host.throwUncaught(error)],
    ['unhandled rejection', (host: SimulatedHost, error: Error) => host.rejectUnhandled(error)],
  ])(
    'logs an %s as fatal and ends at once, as a crash, with exit code 1',
    async (what, breakIt) => {
      const steps: string[] = [];
      const { host, logger, ended } = await launch([component('a', steps), component('b', steps)]);
      const error = new Error('a bug');
      breakIt(host, error);
      expect(await ended).toBe(1);
      expect(host.exitCode).toBe(1);
      expect(steps.slice(2)).toEqual([]);
      expect(logger.lines[1]).toEqual({
        level: 'fatal',
        fields: { err: error },
        message: `${what}: a bug`,
      });
    },
  );

  it('ends at once also while it starts or stops', async () => {
    const starting = await launch([component('a', [], { start: forEver })]);
    starting.host.throwUncaught(new Error('early'));
    expect(await starting.ended).toBe(1);
    const stopping = await launch([component('a', [], { stop: forEver })]);
    stopping.host.signal('SIGTERM');
    stopping.host.throwUncaught(new Error('late'));
    expect(await stopping.ended).toBe(1);
  });

  it('goes on after a rejection that was declared harmless', async () => {
    const undo = tolerateRejections((reason) => (reason as Error).message === 'known');
    const alsoBroken = tolerateRejections(() => {
      throw new Error('a matcher that fails');
    });
    const { host, logger, ended } = await launch([component('a', [])]);
    host.rejectUnhandled(new Error('known'));
    await othersRun();
    expect(host.exitCode).toBeUndefined();
    expect(logger.messages('warn')).toEqual(['unhandled rejection, known to be harmless']);
    undo();
    alsoBroken();
    host.rejectUnhandled(new Error('known'));
    expect(await ended).toBe(1);
  });

  it('stops even when its log cannot be written', async () => {
    const steps: string[] = [];
    const broken = () => {
      throw new Error('disk full');
    };
    const logger = { info: broken, warn: broken, error: broken, fatal: broken, flush: broken };
    const { host, ended } = await launch([component('a', steps)], { logger: () => logger });
    host.signal('SIGTERM');
    expect(await ended).toBe(0);
    expect(steps).toEqual(['start a', 'stop a']);
    expect(host.stderr).toContain('app: stopping (and logging it failed: disk full)\n');
  });
});
