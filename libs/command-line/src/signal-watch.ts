import { constants } from 'node:os';
import { messageOf, type ProgramHost } from '@event-pipeline/runtime';

/** npm and nx forward a signal that the terminal has sent already: within this it is the same. */
const SAME_SIGNAL_MS = 1_000;

/** Turns SIGINT and SIGTERM into abort signals, and a bug into one line and exit code 1. */
export class SignalWatch {
  readonly #first = new AbortController();
  readonly #second = new AbortController();
  #exitCode = 0;

  /** @param program its name, in front of the line about a bug */
  constructor(host: ProgramHost, program: string) {
    let firstAt: number | undefined;
    const broken = (error: unknown) => {
      void host
        .write('stderr', `${program}: internal error: ${messageOf(error)}\n`)
        .then(() => host.exit(1));
    };
    host.listen({
      signal: (name) => {
        const now = host.clock.monotonic();
        if (firstAt === undefined) {
          firstAt = now;
          this.#exitCode = 128 + (constants.signals[name as NodeJS.Signals] ?? 0);
          this.#first.abort();
        } else if (now - firstAt >= SAME_SIGNAL_MS) {
          this.#second.abort();
        }
      },
      uncaughtException: broken,
      unhandledRejection: broken,
    });
  }

  /** Aborts with the first signal. */
  get first(): AbortSignal {
    return this.#first.signal;
  }

  /** Aborts when a signal is repeated. */
  get second(): AbortSignal {
    return this.#second.signal;
  }

  /** The exit code that tells which signal came first: 130 for Ctrl-C. */
  get exitCode(): number {
    return this.#exitCode;
  }
}
