import { join } from 'node:path';
import { type Clock, PipelineError } from '@event-pipeline/runtime';
import { ChildProgram, type Ending } from './child-program';
import type { DataFolder } from './data-folder';
import { whyNotReady } from './http-client';
import type { LogFile } from './log-file';
import type { Address, Addresses } from './addresses';

/** A program that did not become what it should be, in one line. */
export class ProgramFailure extends Error {
  constructor(
    message: string,
    readonly exitCode: number,
  ) {
    super(message);
  }
}

const READY_LIMIT_MS = 20_000;
const POLL_MS = 25;
/** A wait of this length deserves a word. */
const NOTICE_AFTER_MS = 2_000;

const NO_TLS: NodeJS.ProcessEnv = {
  COLLECTOR_TLS_CERT_FILE: '',
  COLLECTOR_TLS_KEY_FILE: '',
  COLLECTOR_TLS_CLIENT_CA_FILE: '',
  HTTP_TLS_CERT_FILE: '',
  HTTP_TLS_KEY_FILE: '',
  HTTP_TLS_CLIENT_CA_FILE: '',
};

export interface ProgramsOptions {
  /** The folder of the built programs. */
  readonly programs: string;
  readonly env: NodeJS.ProcessEnv;
  readonly queueUrl: string | undefined;
  readonly storeUrl: string;
  readonly addresses: Addresses;
  readonly folder: DataFolder;
  readonly clock: Clock;
  readonly say: (text: string) => void;
}

/** Collector and worker, beside each other. */
export class PipelinePrograms {
  readonly #options: ProgramsOptions;
  readonly #collector: ChildProgram;
  readonly #worker: ChildProgram;
  #stopping = false;
  /** Rejects with a ProgramFailure once one of them ends by itself; never resolves. */
  readonly failure: Promise<never>;

  constructor(options: ProgramsOptions) {
    this.#options = options;
    const { collectorHttp, workerHttp, grpc } = options.addresses;
    const logs = {
      collector: options.folder.openLog('collector'),
      worker: options.folder.openLog('worker'),
    };
    this.#collector = this.#start('collector', logs.collector, {
      COLLECTOR_PORT: String(grpc.port),
      COLLECTOR_HTTP_PORT: String(collectorHttp.port),
    });
    this.#worker = this.#start('worker', logs.worker, {
      WORKER_HTTP_PORT: String(workerHttp.port),
      STORE_URL: options.storeUrl,
      STORE_URL_FILE: '',
    });
    this.failure = Promise.race([this.#watch(this.#collector), this.#watch(this.#worker)]);
    this.failure.catch(() => undefined);
  }

  /** Resolves once both are ready. Rejects with a ProgramFailure, also when that takes too long. */
  async untilReady(signal: AbortSignal): Promise<void> {
    const { collectorHttp, workerHttp } = this.#options.addresses;
    await Promise.all([
      this.#untilReady(this.#collector, collectorHttp, signal),
      this.#untilReady(this.#worker, workerHttp, signal),
    ]);
  }

  /** Ends both in order; at once when `force` aborts. Resolves when they are gone. */
  async stop(force: AbortSignal): Promise<void> {
    this.#stopping = true;
    const programs = [this.#collector, this.#worker].filter(({ running }) => running);
    await Promise.all(
      programs.map(async (program) => {
        const { code, how } = await program.stop(force);
        const { say } = this.#options;
        // One that had not begun to listen for it yet dies of the signal itself.
        if (code !== 0 && how !== 'SIGTERM')
          say(`  ${program.name}: ended with ${how}. Log: ${program.logPath}`);
      }),
    );
  }

  #start(name: string, log: LogFile, settings: NodeJS.ProcessEnv): ChildProgram {
    const { programs, env, queueUrl, clock, say } = this.#options;
    return new ChildProgram({
      name,
      script: join(programs, name, 'main.js'),
      env: {
        ...env,
        // What it was read from is not to be read again beside it.
        ...(queueUrl !== undefined && { QUEUE_URL: queueUrl, QUEUE_URL_FILE: '' }),
        // Its lines are read here, and written for people where they are shown.
        LOG_FORMAT: 'json',
        // They are asked over HTTP, and sent events, on this machine.
        ...NO_TLS,
        ...settings,
      },
      log,
      clock,
      onProblem: (program, text) => say(`  ${program} | ${text}`),
    });
  }

  async #watch(program: ChildProgram): Promise<never> {
    const ending = await program.ended;
    // When it was asked to end, there is nothing to tell.
    if (this.#stopping) return new Promise<never>(() => undefined);
    throw new ProgramFailure(failureLine(program, ending), ending.code === 2 ? 2 : 1);
  }

  async #untilReady(program: ChildProgram, address: Address, signal: AbortSignal): Promise<void> {
    const { clock, say } = this.#options;
    const begun = clock.monotonic();
    let told = false;
    for (;;) {
      const reason = await whyNotReady(`http://${address}`);
      if (reason === undefined || signal.aborted || !program.running) return;
      const waited = clock.monotonic() - begun;
      if (waited > READY_LIMIT_MS) {
        const seconds = READY_LIMIT_MS / 1_000;
        const message = `The ${program.name} is not ready after ${seconds} s: ${reason}.`;
        throw new ProgramFailure(`${message} Log: ${program.logPath}`, 1);
      }
      if (waited > NOTICE_AFTER_MS && !told) {
        told = true;
        say(`  ${program.name} | not ready yet: ${reason}`);
      }
      await clock.sleep(POLL_MS, signal);
    }
  }
}

function failureLine({ name, logPath }: ChildProgram, ending: Ending): string {
  const { how, reason, lastLine } = ending;
  const because = reason === undefined ? '' : `: ${withoutStop(reason)}`;
  const last =
    reason === undefined && lastLine !== undefined
      ? ` Its last line: ${withoutStop(lastLine)}.`
      : '';
  return `The ${name} has ended (${how})${because}.${last} Log: ${logPath}`;
}

function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, '');
}

/** True for what a person can set right, so that its message is all they need. */
export function isKnown(error: unknown): error is ProgramFailure | PipelineError {
  return (
    error instanceof ProgramFailure ||
    (error instanceof PipelineError && error.code === 'CONFIG_INVALID')
  );
}
