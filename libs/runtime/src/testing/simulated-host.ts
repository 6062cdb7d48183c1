import type { ProgramEvents, ProgramHost } from '../program-host';
import { SimulatedClock } from './simulated-clock';

/** A process for runProgram that keeps what is done to it, and breaks when a test says so. */
export class SimulatedHost implements ProgramHost {
  readonly command = 'node main.js';
  readonly clock = new SimulatedClock();
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  stdout = '';
  stderr = '';
  /** Undefined until the program has ended. */
  exitCode: number | undefined;
  #events: ProgramEvents | undefined;

  constructor(
    options: { readonly args?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {},
  ) {
    this.args = options.args ?? [];
    this.env = options.env ?? {};
  }

  async write(stream: 'stdout' | 'stderr', text: string): Promise<void> {
    this[stream] += text;
  }

  listen(events: ProgramEvents): void {
    this.#events = events;
  }

  exit(code: number): void {
    this.exitCode = code;
  }

  /** What the operating system or a terminal sends. */
  signal(name: 'SIGTERM' | 'SIGINT'): void {
    this.#listening().signal(name);
  }

  signalLogLevel(): void {
    this.#listening().logLevelSignal?.();
  }

  throwUncaught(error: unknown): void {
    this.#listening().uncaughtException(error);
  }

  rejectUnhandled(reason: unknown): void {
    this.#listening().unhandledRejection(reason);
  }

  #listening(): ProgramEvents {
    if (this.#events === undefined) throw new Error('the program does not listen yet');
    return this.#events;
  }
}
