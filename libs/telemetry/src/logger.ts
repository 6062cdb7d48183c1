import { boundedText, escapeUnprintable } from '@event-pipeline/runtime';
import type { LogFormat, LogLevel } from './logging-config';
import pino from 'pino';
import { MAX_MESSAGE_LENGTH, loggableFields } from './log-fields';
import { StandardStream, type LogDestination } from './log-output';
import { prettyLines } from './pretty-lines';

/**
 * Where a program says what happens to it. One line a call; fields first, then a message that says
 * the same each time, so that lines can be found by it.
 *
 * Text in fields is cut to 256 characters, a message to 1,024; errors are written with code and
 * cause. No call throws, whatever the fields hold. `level`, `time`, `name`, `pid` and `msg` are the
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

export interface LoggerOptions {
  /** Name of the program, in every line. */
  readonly name: string;
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Standard output unless given. */
  readonly destination?: 'stdout' | 'stderr' | LogDestination;
}

export function createLogger(options: LoggerOptions): Logger {
  const { name, level, format, destination = 'stdout' } = options;
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
      level,
      base: { name, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Errors arrive serialised: pino's own serialiser would take them for something else.
      serializers: { err: (value: unknown) => value },
    },
    { write: (line: string) => void output.write(formatLine(line)) },
  );
  const logger = wrap(instance, () => output.flush?.());
  return logger;
}

function wrap(instance: pino.Logger, flush: () => void): Logger {
  const write =
    (level: 'debug' | 'info' | 'warn' | 'error' | 'fatal') =>
    (fields: object, message: string): void => {
      if (!instance.isLevelEnabled(level)) return;
      try {
        instance[level](loggableFields(fields), boundedText(message, MAX_MESSAGE_LENGTH));
      } catch {
        // A line that cannot be written is lost; what it was about goes on.
      }
    };
  const child = (fields: object): Logger => {
    try {
      return wrap(instance.child(loggableFields(fields)), flush);
    } catch {
      // pino refuses a field that hides a method it calls ("hasOwnProperty").
      return wrap(instance, flush);
    }
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
    child,
    isDebug: () => instance.isLevelEnabled('debug'),
    flush,
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
): Logger {
  return createLogger({ name, level: config.logLevel, format: config.logFormat });
}
