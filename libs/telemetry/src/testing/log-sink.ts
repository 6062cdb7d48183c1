import type { LogDestination } from '../log-output';
import { createLogger, type Logger } from '../logger';
import type { LogLevel } from '../logging-config';

/** One line as it was logged: its level, its message and its fields. */
export interface LogLine {
  readonly level: string;
  readonly time: string;
  readonly name: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** Keeps what is logged, for a test to look at. */
export interface LogSink {
  /** A JSON logger, debug level unless told otherwise, that writes into the sink. */
  readonly logger: Logger;
  /** For createLogger, or whatever else writes lines. */
  readonly destination: LogDestination;
  /** Everything written, as text. */
  readonly text: string;
  /** The lines so far, parsed; throws where one is not JSON. */
  readonly lines: readonly LogLine[];
  /** The messages so far. */
  readonly messages: readonly string[];
  /** How often the logger was flushed. */
  readonly flushes: number;
}

export function createLogSink(level: LogLevel = 'debug'): LogSink {
  let text = '';
  let flushes = 0;
  const destination: LogDestination = {
    write: (part) => void (text += part),
    flush: () => void (flushes += 1),
  };
  const parse = () =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as LogLine);
  return {
    logger: createLogger({ name: 'test', level, format: 'json', destination }),
    destination,
    get text() {
      return text;
    },
    get lines() {
      return parse();
    },
    get messages() {
      return parse().map(({ msg }) => msg);
    },
    get flushes() {
      return flushes;
    },
  };
}
