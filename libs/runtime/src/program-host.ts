import { relative } from 'node:path';
import { systemClock, type Clock } from './clock';

/** What a program asks to end or reports as broken, as the process hears it. */
export interface ProgramEvents {
  readonly signal: (name: string) => void;
  readonly uncaughtException: (error: unknown) => void;
  readonly unhandledRejection: (reason: unknown) => void;
  /** An operator wants more of the log, or less again: SIGUSR2. It ends a program that does not listen. */
  readonly logLevelSignal?: () => void;
}

/** The process a program runs in. A test gives one of its own and sees everything done to it. */
export interface ProgramHost {
  /** The arguments of the command line, without the interpreter and the script. */
  readonly args: readonly string[];
  /** How the program was called, for the usage line: "node dist/apps/collector/main.js". */
  readonly command: string;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** Resolves once the text is written, or cannot be. */
  write(stream: 'stdout' | 'stderr', text: string): Promise<void>;
  /** Listens from now on until the process ends, and keeps it alive meanwhile. */
  listen(events: ProgramEvents): void;
  /** Ends the process. In a test it returns. */
  exit(code: number): void;
}

/** Longer than any program runs without an event: the timer does nothing but keep it alive. */
const KEEP_ALIVE_MS = 2 ** 31 - 1;

/** The process itself. */
export const nodeHost: ProgramHost = {
  get args() {
    return process.argv.slice(2);
  },
  get command() {
    return `node ${relative(process.cwd(), process.argv[1] ?? 'main.js')}`;
  },
  get env() {
    return process.env;
  },
  clock: systemClock,
  write: (stream, text) =>
    new Promise((resolve) => {
      const target = process[stream];
      // A reader that went away ("--help | head") is no error of the program's.
      target.once('error', () => resolve());
      target.write(text, () => resolve());
    }),
  listen: (events) => {
    setInterval(() => undefined, KEEP_ALIVE_MS);
    process.on('SIGTERM', events.signal);
    process.on('SIGINT', events.signal);
    // Not SIGUSR1, at which Node.js opens its debugger.
    if (events.logLevelSignal) process.on('SIGUSR2', events.logLevelSignal);
    process.on('uncaughtException', events.uncaughtException);
    process.on('unhandledRejection', events.unhandledRejection);
  },
  exit: (code) => process.exit(code),
};
