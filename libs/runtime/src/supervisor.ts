import { setMaxListeners } from 'node:events';
import type { Component } from './component';
import { PipelineError } from './pipeline-error';
import { messageOf } from './thrown-value';
import type { ProgramHost } from './program-host';
import type { ProgramLogger } from './run-program';
import { escapeUnprintable } from './shown-text';
import { isToleratedRejection } from './tolerated-rejections';

export interface SupervisorOptions {
  readonly name: string;
  readonly graceMs: number;
  readonly logger: ProgramLogger;
  readonly host: ProgramHost;
}

/** Signals this soon after the stop began are copies of the one that began it. */
const SAME_SIGNAL_MS = 1_000;
/** How long components have to give up once the grace is over. */
const GIVE_UP_MS = 1_000;

const GRACE_OVER = Symbol('grace over');
const GIVEN_UP = Symbol('given up');

/**
 * Takes components from start to stop, once. The states and what leads on:
 *
 *     starting --all started--> running --signal--> stopping --all stopped--> over
 *        \--------- signal, failed start -------------^  \--grace + 1 s over--^
 *
 * While starting, a stop waits for the start in progress, at most until the grace is over.
 *
 * An uncaught exception or an unhandled rejection ends the program at once, whatever its state:
 * nobody knows what it left half done. An orderly stop would also hide from the queue that the
 * worker crashed, and hand the event that crashes it to the next one, for ever.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #stopAsked = new AbortController();
  readonly #graceOver = new AbortController();
  #stopAskedAt = 0;
  #exitCode = 0;
  readonly #crashed = new AbortController();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    // Several for each component: not a leak, whatever Node's warning says above ten.
    setMaxListeners(0, this.#graceOver.signal);
  }

  /** Resolves with the exit code once all is stopped or given up and logged; never rejects. */
  async run(build: () => readonly Component[] | Promise<readonly Component[]>): Promise<number> {
    const { host } = this.#options;
    host.listen({
      signal: (name) => this.#onSignal(name),
      uncaughtException: (error) => this.#onCrash(error, 'uncaught exception'),
      unhandledRejection: (reason) => this.#onRejection(reason),
      logLevelSignal: () => this.#options.logger.toggleLevel?.(),
    });
    // The host's exit does not return, but in a test.
    await Promise.race([this.#runToTheEnd(build), aborted(this.#crashed.signal)]);
    return this.#exitCode;
  }

  async #runToTheEnd(
    build: () => readonly Component[] | Promise<readonly Component[]>,
  ): Promise<void> {
    const components = await this.#start(build);
    await aborted(this.#stopAsked.signal);
    await this.#stop(components);
    this.#log('info', { exitCode: this.#exitCode }, 'stopped');
    this.#flush();
  }

  #flush(): void {
    try {
      this.#options.logger.flush();
    } catch {
      // What could not be written is lost with the process.
    }
  }

  async #start(
    build: () => readonly Component[] | Promise<readonly Component[]>,
  ): Promise<readonly Component[]> {
    const { host } = this.#options;
    const begun = host.clock.monotonic();
    let components: readonly Component[] = [];
    try {
      components = (await this.#withinGrace('the program', async () => build())) ?? [];
      for (const component of components) {
        if (this.#stopAsked.signal.aborted) return components;
        await this.#withinGrace(component.name, () => component.start());
      }
    } catch (error) {
      this.#onFailedStart(error);
      return components;
    }
    if (!this.#stopAsked.signal.aborted) {
      const ms = Math.round(host.clock.monotonic() - begun);
      this.#log('info', { components: components.map(({ name }) => name), ms }, 'started');
    }
    return components;
  }

  /** What the step yields; undefined when a stop was asked for and its grace is over before. */
  async #withinGrace<T>(name: string, step: () => Promise<T>): Promise<T | undefined> {
    const running = step();
    const outcome = await Promise.race([
      running,
      aborted(this.#graceOver.signal).then(() => GRACE_OVER),
    ]);
    if (outcome !== GRACE_OVER) return outcome as T;
    running.catch(() => undefined);
    this.#log('error', { component: name }, `still starting when the grace was over: ${name}`);
    return undefined;
  }

  async #stop(components: readonly Component[]): Promise<void> {
    const { host, graceMs } = this.#options;
    const graceOver = this.#graceOver.signal;
    const timeIsUp = aborted(graceOver).then(() => host.clock.sleep(GIVE_UP_MS));
    const late: string[] = [];
    for (const component of [...components].reverse()) {
      const wasOver = graceOver.aborted;
      // One turn even then: those that have nothing to wait for still stop.
      const givenUp = timeIsUp.then(oneTurn).then(() => GIVEN_UP);
      const outcome = await Promise.race([this.#stopOne(component), givenUp]);
      if (outcome === GIVEN_UP || (graceOver.aborted && !wasOver)) late.push(component.name);
    }
    if (graceOver.aborted) this.#exitCode = Math.max(this.#exitCode, 1);
    if (late.length === 0) return;
    const fields = { components: late, graceMs };
    this.#log('error', fields, `not stopped when the grace was over: ${late.join(', ')}`);
  }

  async #stopOne(component: Component): Promise<void> {
    try {
      await component.stop(this.#graceOver.signal);
    } catch (error) {
      this.#exitCode = Math.max(this.#exitCode, 1);
      this.#log('error', { component: component.name, err: error }, 'failed to stop');
    }
  }

  #onSignal(signal: string): void {
    const { host } = this.#options;
    if (!this.#stopAsked.signal.aborted) {
      this.#log('info', { signal }, 'stopping');
      this.#askToStop();
      return;
    }
    if (host.clock.monotonic() - this.#stopAskedAt < SAME_SIGNAL_MS) return;
    if (this.#graceOver.signal.aborted) return;
    this.#log('warn', { signal }, 'asked again: giving up what has not stopped');
    this.#graceOver.abort();
  }

  #onFailedStart(error: unknown): void {
    const known = error instanceof PipelineError && error.code !== 'INTERNAL';
    const configInvalid = known && error.code === 'CONFIG_INVALID';
    this.#exitCode = configInvalid ? 2 : 1;
    // A mistake of the user's is one line: a stack trace would bury it.
    const fields = known ? { code: error.code } : { err: error };
    this.#log('fatal', fields, `cannot start: ${messageOf(error)}`);
    this.#askToStop();
  }

  #onCrash(error: unknown, what: string): void {
    if (this.#crashed.signal.aborted) return;
    this.#exitCode = 1;
    this.#log('fatal', { err: error }, `${what}: ${messageOf(error)}`);
    this.#flush();
    this.#crashed.abort();
    this.#options.host.exit(1);
  }

  #onRejection(reason: unknown): void {
    if (isToleratedRejection(reason)) {
      this.#log('warn', { err: reason }, 'unhandled rejection, known to be harmless');
    } else {
      this.#onCrash(reason, 'unhandled rejection');
    }
  }

  #askToStop(): void {
    if (this.#stopAsked.signal.aborted) return;
    const { host, graceMs } = this.#options;
    this.#stopAskedAt = host.clock.monotonic();
    this.#stopAsked.abort();
    void host.clock.sleep(graceMs, this.#graceOver.signal).then(() => this.#graceOver.abort());
  }

  #log(level: 'info' | 'warn' | 'error' | 'fatal', fields: object, message: string): void {
    try {
      this.#options.logger[level](fields, message);
    } catch (error) {
      const line = `${this.#options.name}: ${message} (and logging it failed: ${messageOf(error)})`;
      void this.#options.host.write('stderr', `${escapeUnprintable(line)}\n`);
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function oneTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
