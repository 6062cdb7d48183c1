import { closeSync, openSync, renameSync, writeSync } from 'node:fs';

const DEFAULT_MAX_BYTES = 16 * 1_048_576;

/**
 * A program's log: begun anew at each start, the one before kept as `<path>.1`, as is what is over
 * the limit. So a log takes at most twice the limit.
 *
 * Writes at once, so that nothing is missing after a crash. A disk that is full costs log lines,
 * never the program.
 */
export class LogFile {
  readonly #maxBytes: number;
  #file: number | undefined;
  #bytes = 0;

  constructor(
    readonly path: string,
    options: { readonly maxBytes?: number } = {},
  ) {
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    this.#begin();
  }

  write(line: string): void {
    if (this.#file === undefined) return;
    try {
      this.#bytes += writeSync(this.#file, `${line}\n`);
      if (this.#bytes > this.#maxBytes) this.#begin();
    } catch {
      // See above.
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #begin(): void {
    this.close();
    try {
      renameSync(this.path, `${this.path}.1`);
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
    }
    this.#file = openSync(this.path, 'w');
    this.#bytes = 0;
  }
}
