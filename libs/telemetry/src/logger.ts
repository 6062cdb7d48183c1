import { boundedText, escapeUnprintable, systemClock, type Clock } from '@event-pipeline/runtime';
import type { LogFormat, LogLevel } from './logging-config';
import pino from 'pino';
import { MAX_MESSAGE_LENGTH, loggableFields } from './log-fields';
import { StandardStream, type LogDestination } from './log-output';
import { prettyLines } from './pretty-lines';
import { RepeatLimit } from './repeat-limit';

/**
 * Where a program says what happens to it. One line a call; fields first, then a message that says
 * the same each time, so that lines can be found by it.
 *
 * Text in fields is cut to 256 characters, a message to 1,024; errors are written with code and
 * cause. A warning or error of the same message is written 60 times a minute; the next line then says by
 * `keptBack` how many were not. No call throws, whatever the fields hold. `level`, `time`, `name`, `pid` and `msg` are the
 * line's own and no names for fields.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  fatal(fields: object, message: string): void;
  /** A logger that adds these fields to each of its lines. */
  child(fields: object): Logger;
  /** Whether debug lines are written: asked before a line per event is put together. */
  isDebug(): boolean;
  /** Writes out what is buffered before it returns. */
  flush(): void;
}

/** A logger whose level can be changed while the program runs. */
export interface AdjustableLogger extends Logger {
  readonly level: LogLevel;
  /**
   * Goes on with debug lines; the next time, with those of its own level again. A logger whose own level
   * is debug or trace goes on with info. Holds for its children too. Says so in a line that is always
   * written.
   */
  toggleLevel(): void;
}

export interface LoggerOptions {
  /** Name of the program, in every line. */
  readonly name: string;
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Standard output unless given. */
  readonly destination?: 'stdout' | 'stderr' | LogDestination;
  /** For the limit of repeated warnings; the system's unless given. */
  readonly clock?: Clock;
}

export function createLogger(options: LoggerOptions): AdjustableLogger {
  const { name, level, format, destination = 'stdout', clock = systemClock } = options;
  const output: LogDestination =
    typeof destination === 'string'
      ? new StandardStream(destination, (lines) =>
          logger.warn({ lines }, 'log lines were dropped: nobody read them'),
        )
      : destination;
  const terminal = output.isTTY === true;
  const pretty = format === 'pretty' || (format === 'auto' && terminal);
  const formatLine = pretty ? prettyLines(terminal) : escapedLine;
  const instance = pino(
    {
      // What is written is decided before pino is asked: a child of its own would keep the level it had.
      level: 'trace',
      base: { name, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Errors arrive serialised: pino's own serialiser would take them for something else.
      serializers: { err: (value: unknown) => value },
    },
    { write: (line: string) => void output.write(formatLine(line)) },
  );
  const shared: Shared = {
    level,
    limit: new RepeatLimit(clock),
    flush: () => output.flush?.(),
  };
  const logger = wrap(instance, shared);
  return {
    ...logger,
    get level() {
      return shared.level;
    },
    toggleLevel: () => {
      const other = RANK[level] <= RANK.debug ? 'info' : 'debug';
      shared.level = shared.level === level ? other : level;
      instance.info({ logLevel: shared.level }, 'the log level was changed');
    },
  };
}

/** What a logger and all of its children have in common. */
interface Shared {
  level: LogLevel;
  readonly limit: RepeatLimit;
  readonly flush: () => void;
}

/** As pino has them. */
const RANK: Readonly<Record<LogLevel, number>> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
  silent: Infinity,
};

function wrap(instance: pino.Logger, shared: Shared): Logger {
  const write =
    (level: 'debug' | 'info' | 'warn' | 'error' | 'fatal') =>
    (fields: object, message: string): void => {
      if (RANK[level] < RANK[shared.level]) return;
      try {
        const text = boundedText(message, MAX_MESSAGE_LENGTH);
        const isLimited = level === 'warn' || level === 'error';
        const keptBack = isLimited ? shared.limit.pass(text) : 0;
        if (keptBack === undefined) return;
        const written = loggableFields(fields);
        instance[level](keptBack > 0 ? { ...written, keptBack } : written, text);
      } catch {
        // A line that cannot be written is lost; what it was about goes on.
      }
    };
  const child = (fields: object): Logger => {
    try {
      return wrap(instance.child(loggableFields(fields)), shared);
    } catch {
      // pino refuses a field that hides a method it calls ("hasOwnProperty").
      return wrap(instance, shared);
    }
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
    child,
    isDebug: () => RANK[shared.level] <= RANK.debug,
    flush: shared.flush,
  };
}

/**
 * JSON escapes the control characters of ASCII by itself; others it does not, and a terminal may
 * act on them.
 */
function escapedLine(line: string): string {
  return `${escapeUnprintable(line.trimEnd())}\n`;
}

/** The logger of a program, as its configuration has it; fits runProgram's `logger`. */
export function createProgramLogger(
  name: string,
  config: { readonly logLevel: LogLevel; readonly logFormat: LogFormat },
): AdjustableLogger {
  return createLogger({ name, level: config.logLevel, format: config.logFormat });
}
