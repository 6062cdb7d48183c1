// Loaded here too: so a system without its binary hears of it at once, and packagers see the need.
import 'libsql';
import { Worker } from 'node:worker_threads';
import { PipelineError, type Clock } from '@event-pipeline/runtime';
import { settledWithin } from '../settled-within';
import { SqliteFailure } from './sqlite-errors';
import { SQLITE_THREAD_SOURCE } from './sqlite-thread-source';

/** How much longer than SQLite's own wait for a lock an answer is waited for. */
const ANSWER_MARGIN_MS = 2_000;
const CLOSE_LIMIT_MS = 2_000;

export type SqliteValue = string | number | null;

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly failure?: { readonly message: string; readonly resultCode: number };
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One connection to SQLite, in a thread of its own: its waits for the disk stop no one else. Steps
 * run one after the other, each whole or not at all.
 */
export class SqliteThread {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;
  private closing: Promise<void> | undefined;

  constructor(
    private readonly timeoutMs: number,
    private readonly clock: Clock,
  ) {
    this.worker = new Worker(SQLITE_THREAD_SOURCE, {
      eval: true,
      workerData: { driver: require.resolve('libsql') },
      execArgv: [],
    });
    this.worker.on('message', (answer: Answer) => this.settle(answer));
    this.worker.on('error', (error) => this.failAll(error));
    this.worker.on('exit', () => this.failAll(new Error('the thread of SQLite has ended')));
  }

  async open(file: string, pragmas: readonly string[]): Promise<void> {
    await this.ask('open', { file, busyMs: this.timeoutMs, pragmas });
  }

  query(sql: string, values: readonly SqliteValue[] = []): Promise<readonly SqliteValue[][]> {
    return this.ask('query', { sql, values });
  }

  /** How many rows a statement has changed, on disk. */
  change(sql: string, values: readonly SqliteValue[]): Promise<number> {
    return this.ask('change', { sql, values });
  }

  /** For each row how many rows it has changed, on disk, or why a constraint refused it. */
  changeEach(
    sql: string,
    rows: readonly (readonly SqliteValue[])[],
  ): Promise<readonly (number | string)[]> {
    return this.ask('changeEach', { sql, rows });
  }

  /** Runs the steps above the file's version; answers the version that it had. */
  migrate(steps: readonly { version: number; statements: readonly string[] }[]): Promise<number> {
    return this.ask('migrate', { steps });
  }

  /** Closes the file; where the disk does not answer, the thread ends with the process. */
  close(): Promise<void> {
    this.closing ??= settledWithin(
      this.clock,
      CLOSE_LIMIT_MS,
      new Promise<void>((resolve) => {
        this.worker.once('exit', () => resolve());
        this.post(0, 'close', {});
      }),
    ).then(() => this.worker.unref());
    return this.closing;
  }

  private async ask<T>(operation: string, argument: unknown): Promise<T> {
    const id = (this.lastId += 1);
    const limit = new AbortController();
    const answer = new Promise<unknown>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.post(id, operation, argument);
    });
    const tooLate = this.clock.sleep(this.timeoutMs + ANSWER_MARGIN_MS, limit.signal).then(() => {
      throw new PipelineError('STORE_UNAVAILABLE', 'SQLite: no answer in time');
    });
    // Whichever loses the race may still reject.
    tooLate.catch(() => undefined);
    answer.catch(() => undefined);
    try {
      return (await Promise.race([answer, tooLate])) as T;
    } finally {
      this.waiting.delete(id);
      limit.abort();
    }
  }

  private post(id: number, operation: string, argument: unknown): void {
    this.worker.postMessage({ id, operation, argument });
  }

  private settle({ id, result, failure }: Answer): void {
    const waiting = this.waiting.get(id);
    if (failure === undefined) waiting?.resolve(result);
    else waiting?.reject(new SqliteFailure(failure.message, failure.resultCode));
  }

  private failAll(error: Error): void {
    for (const { reject } of this.waiting.values()) reject(error);
  }
}
