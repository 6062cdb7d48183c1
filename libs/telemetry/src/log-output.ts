import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';

/** Where log text goes: whole lines, each with its end. process.stderr is one. */
export interface LogDestination {
  write(text: string): unknown;
  /** Writes out what is buffered before it returns. */
  flush?(): void;
  /** True for a terminal: decides what the format "auto" means. */
  readonly isTTY?: boolean;
}

/** What waits while nobody reads; lines beyond it are dropped. */
const MAX_BACKLOG_BYTES = 1_048_576;
const RETRY_MS = 50;
/** A flush waits at most this long for a reader. */
const FLUSH_LIMIT_MS = 1_000;
const FLUSH_RETRY_MS = 10;

/**
 * Standard output or standard error, written as it comes, so that a crash loses nothing. A reader
 * that stalls, a closed pipe or a full disk costs log lines, never the program: no write blocks,
 * waits or throws. (pino's own destination blocks the event loop while a reader stalls, and its
 * flush never returns once a pipe is closed.)
 */
export class StandardStream implements LogDestination {
  readonly isTTY: boolean;
  readonly #fd: 1 | 2;
  readonly #onDropped: (lines: number) => void;
  #backlog: Buffer[] = [];
  #backlogBytes = 0;
  #dropped = 0;
  #retry: NodeJS.Timeout | undefined;

  /** `onDropped` is told how many lines were dropped, once there is room to say so. */
  constructor(name: 'stdout' | 'stderr', onDropped: (lines: number) => void) {
    this.#fd = name === 'stdout' ? 1 : 2;
    this.isTTY = isatty(this.#fd);
    this.#onDropped = onDropped;
    // Reading the property is what makes Node open the stream; a pipe no longer blocks from then on.
    void process[name];
  }

  write(text: string): void {
    const line = Buffer.from(text);
    if (this.#backlog.length === 0) {
      this.#keep(this.#writeOut(line));
    } else if (this.#backlogBytes + line.length <= MAX_BACKLOG_BYTES) {
      this.#keep(line);
    } else {
      this.#dropped += 1;
    }
  }

  flush(): void {
    let waitedMs = 0;
    while (this.#drain() === 'stalled' && waitedMs < FLUSH_LIMIT_MS) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FLUSH_RETRY_MS);
      waitedMs += FLUSH_RETRY_MS;
    }
  }

  #keep(rest: Buffer): void {
    if (rest.length === 0) return;
    this.#backlog.push(rest);
    this.#backlogBytes += rest.length;
    if (this.#retry !== undefined) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#drain();
    }, RETRY_MS).unref();
  }

  #drain(): 'empty' | 'stalled' {
    const waiting = this.#backlog;
    this.#backlog = [];
    this.#backlogBytes = 0;
    for (const [index, line] of waiting.entries()) {
      const rest = this.#writeOut(line);
      if (rest.length === 0) continue;
      for (const left of [rest, ...waiting.slice(index + 1)]) this.#keep(left);
      return 'stalled';
    }
    const dropped = this.#dropped;
    this.#dropped = 0;
    if (dropped > 0) this.#onDropped(dropped);
    return 'empty';
  }

  /** Writes what can be written now and returns the rest; what can never be written is dropped. */
  #writeOut(line: Buffer): Buffer {
    let rest = line;
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest));
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EAGAIN') return rest;
        if (code !== 'EINTR') return rest.subarray(rest.length);
      }
    }
    return rest;
  }
}
