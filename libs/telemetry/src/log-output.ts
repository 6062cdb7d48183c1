import { isatty } from 'node:tty';
import pino from 'pino';

/** Where log text goes: whole lines, each with its end. process.stderr is one. */
export interface LogDestination {
  write(text: string): unknown;
  /** Writes out what is buffered before it returns. */
  flush?(): void;
  /** True for a terminal: decides what the format "auto" means. */
  readonly isTTY?: boolean;
}

/** What waits while nobody reads standard output; lines beyond it are dropped. */
const MAX_BACKLOG_BYTES = 1_048_576;
/** A flush tries this often, 100 ms apart, while the reader is stalled. */
const MAX_FLUSH_TRIES = 10;

/**
 * Standard output or standard error, written as it comes, so that a crash loses nothing. A reader
 * that stalls, a full disk or a closed pipe costs log lines, never the program.
 */
export function standardStream(name: 'stdout' | 'stderr'): LogDestination {
  const fd = name === 'stdout' ? 1 : 2;
  let triesLeft = 0;
  const stream = pino.destination({
    fd,
    sync: true,
    maxLength: MAX_BACKLOG_BYTES,
    // While a line is written the answer is no: trying again would block the event loop.
    retryEAGAIN: () => triesLeft-- > 0,
  });
  stream.removeAllListeners('error');
  stream.on('error', () => undefined);
  return {
    isTTY: isatty(fd),
    write: (text) => stream.write(text),
    flush: () => {
      triesLeft = MAX_FLUSH_TRIES;
      try {
        stream.flushSync();
      } catch {
        // Nobody reads; the lines are lost with their reader.
      }
      triesLeft = 0;
    },
  };
}
