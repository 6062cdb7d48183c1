import { createHash } from 'node:crypto';
import { readFileSync, statSync, type Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { Clock } from './clock';
import type { Component } from './component';
import { PipelineError } from './pipeline-error';
import { shownValue } from './shown-text';
import { messageOf } from './thrown-value';

/** A file that a variable names. */
export interface NamedFile {
  /** For messages, e.g. "COLLECTOR_TLS_CERT_FILE". */
  readonly variable: string;
  readonly path: string;
}

export interface WatchedFilesOptions<T> {
  /** Of the component, e.g. "certificates". */
  readonly name: string;
  /** Taken together: a change of one is a change of all. */
  readonly files: readonly NamedFile[];
  /**
   * Makes a value of the contents, in the order of the files. Throws to refuse them; the message goes
   * into the log and must not show what is secret in them.
   */
  readonly parse: (contents: readonly Buffer[]) => T;
  readonly clock: Clock;
  /** The files have changed and the new value holds. Must not throw. */
  readonly onReloaded?: (value: T) => void;
  /** The files have changed, or cannot be read, and the old value goes on to hold. Must not throw. */
  readonly onRefused?: (reason: string) => void;
  /** Default: 2,000 ms. */
  readonly intervalMs?: number;
  /** Of one file. Default: 1 MiB. */
  readonly maxBytes?: number;
}

const INTERVAL_MS = 2_000;
/** From the look that has seen a change to the next one. */
const SETTLING_MS = 500;
const MAX_BYTES = 1_048_576;

/**
 * A value that is made of files and made anew when they change, while the program runs: certificates,
 * tokens, keys. New contents that are refused change nothing.
 *
 * The files are read again in each interval and compared by content, so it does not matter how they
 * are replaced (written over, renamed, a symlink turned as Kubernetes does). A change counts once two
 * looks in a row have seen the same: two files that belong together are rarely replaced at once. What
 * has been refused is refused once, not at each look.
 */
export class WatchedFiles<T> implements Component {
  readonly name: string;
  readonly #options: WatchedFilesOptions<T>;
  readonly #ended = new AbortController();
  #watching: Promise<void> = Promise.resolve();
  #current: T;
  /** What was decided on last, and what the last look saw: digests, or why it saw nothing. */
  #judged: string;
  #seen: string;

  /** @throws PipelineError CONFIG_INVALID where the files cannot be read or are refused */
  constructor(options: WatchedFilesOptions<T>) {
    const { name, files, maxBytes = MAX_BYTES } = options;
    this.name = name;
    this.#options = options;
    const contents = files.map((file) => readNamedFile(file, maxBytes));
    this.#current = parsed(options, contents);
    this.#judged = digestOf(contents);
    this.#seen = this.#judged;
  }

  /** The last value that was not refused. */
  get current(): T {
    return this.#current;
  }

  start(): Promise<void> {
    this.#watching = this.#watch();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#watching;
  }

  /** One look at the files. Never rejects. */
  async look(): Promise<void> {
    const { files, maxBytes = MAX_BYTES, onReloaded, onRefused } = this.#options;
    try {
      const contents = await Promise.all(files.map((file) => readAgain(file, maxBytes)));
      if (!this.#isNew(digestOf(contents))) return;
      this.#current = parsed(this.#options, contents);
    } catch (error) {
      const reason = messageOf(error);
      // Contents that parse refuses were new; what cannot be read has not been looked at yet.
      if (error instanceof Unreadable && !this.#isNew(reason)) return;
      onRefused?.(reason);
      return;
    }
    onReloaded?.(this.#current);
  }

  /** True where two looks in a row have seen this, and nothing was decided on it yet. */
  #isNew(seen: string): boolean {
    const isSettled = seen === this.#seen;
    this.#seen = seen;
    if (!isSettled || seen === this.#judged) return false;
    this.#judged = seen;
    return true;
  }

  async #watch(): Promise<void> {
    const { clock, intervalMs = INTERVAL_MS } = this.#options;
    const { signal } = this.#ended;
    for (;;) {
      const isSettling = this.#seen !== this.#judged;
      await clock.sleep(isSettling ? Math.min(SETTLING_MS, intervalMs) : intervalMs, signal);
      if (signal.aborted) return;
      await this.look();
    }
  }
}

class Unreadable extends PipelineError {
  constructor({ variable, path }: NamedFile, what: string) {
    super('CONFIG_INVALID', `${variable} is ${shownValue(path)}, ${what}`);
  }
}

/**
 * The content of a file of at most so many bytes, read at once.
 *
 * @throws PipelineError CONFIG_INVALID that names variable and file, and nothing of the content
 */
export function readNamedFile(file: NamedFile, maxBytes = MAX_BYTES): Buffer {
  try {
    checkStats(file, statSync(file.path), maxBytes);
    return readFileSync(file.path);
  } catch (error) {
    throw unreadable(file, error);
  }
}

async function readAgain(file: NamedFile, maxBytes: number): Promise<Buffer> {
  try {
    checkStats(file, await stat(file.path), maxBytes);
    return await readFile(file.path);
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** A pipe or a device could keep the program waiting, or never end. */
function checkStats(file: NamedFile, stats: Stats, maxBytes: number): void {
  if (!stats.isFile()) throw new Unreadable(file, 'which is no file');
  if (stats.size > maxBytes) throw new Unreadable(file, `which is larger than ${maxBytes} bytes`);
}

function unreadable(file: NamedFile, error: unknown): Unreadable {
  if (error instanceof Unreadable) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'which does not exist',
    EACCES: 'which this user may not read',
  };
  return new Unreadable(file, reasons[code] ?? `which cannot be read (${code})`);
}

function parsed<T>({ parse }: WatchedFilesOptions<T>, contents: readonly Buffer[]): T {
  try {
    return parse(contents);
  } catch (error) {
    if (error instanceof PipelineError && error.code === 'CONFIG_INVALID') throw error;
    throw new PipelineError('CONFIG_INVALID', messageOf(error), { cause: error });
  }
}

function digestOf(contents: readonly Buffer[]): string {
  const digest = createHash('sha256');
  for (const content of contents) digest.update(`${content.length}:`).update(content);
  return digest.digest('hex');
}
