// Loaded here too: so a system without its binary hears of it at once, and packagers see the need.
import 'libsql';
import { Worker } from 'node:worker_threads';
import { PipelineError, type Clock } from '@event-pipeline/runtime';
import { givenUp, type PutWatch } from '../put-watch';
import { settledWithin } from '../settled-within';
import { SqliteFailure } from './sqlite-errors';
import { SQLITE_THREAD_SOURCE } from './sqlite-thread-source';

/** How much longer than SQLite's own wait for a lock an answer is waited for. */
const ANSWER_MARGIN_MS = 2_000;
const CLOSE_LIMIT_MS = 2_000;
const ENDED = 'the thread of SQLite has ended';

export type SqliteValue = string | number | null;

interface Answer {
  readonly result?: unknown;
  readonly failure?: { readonly message: string; readonly resultCode: number };
}

interface Step {
  readonly operation: string;
  readonly argument: unknown;
  readonly settle: (answer: Answer | Error) => void;
  readonly onAnswer: (() => void) | undefined;
}

/**
 * One connection to SQLite, in a thread of its own: its waits for the disk stop no one else. Steps
 * run one after the other, each whole or not at all.
 *
 * The thread is given one step at a time. The others wait on this side, where a caller that gives up
 * takes its step back, and their time does not run. Where the thread says nothing for its limit, all
 * of them fail.
 */
export class SqliteThread {
  private readonly worker: Worker;
  private readonly line: Step[] = [];
  /** What the thread works at; also after its caller has given up. */
  private current: Step | undefined;
  private silence: AbortController | undefined;
  private ended = false;
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
    this.worker.on('message', (answer: Answer) => this.take(answer));
    this.worker.on('error', (error) => this.failAll(error));
    this.worker.on('exit', () => {
      this.ended = true;
      this.failAll(new Error(ENDED));
    });
  }

  /** True once nothing will be answered any more, for whatever reason. */
  get hasEnded(): boolean {
    return this.ended;
  }

  /** How many steps wait for the one that the thread works at. */
  get waiting(): number {
    return this.line.length;
  }

  async open(file: string, pragmas: readonly string[]): Promise<void> {
    await this.ask('open', { file, busyMs: this.timeoutMs, pragmas });
  }

  query(
    sql: string,
    values: readonly SqliteValue[] = [],
    watch?: PutWatch,
  ): Promise<readonly SqliteValue[][]> {
    return this.ask('query', { sql, values }, watch);
  }

  /** How many rows a statement has changed, on disk. */
  change(sql: string, values: readonly SqliteValue[]): Promise<number> {
    return this.ask('change', { sql, values });
  }

  /** For each row how many rows it has changed, on disk, or why a constraint refused it. */
  changeEach(
    sql: string,
    rows: readonly (readonly SqliteValue[])[],
    watch?: PutWatch,
  ): Promise<readonly (number | string)[]> {
    return this.ask('changeEach', { sql, rows }, watch);
  }

  /**
   * Runs the steps above the file's version, which is 0 where the table is missing; answers the
   * version that it had.
   */
  migrate(
    steps: readonly { version: number; statements: readonly string[] }[],
    table: string,
  ): Promise<number> {
    return this.ask('migrate', { steps, table });
  }

  /** Closes the file; where the disk does not answer, the thread ends with the process. */
  close(): Promise<void> {
    this.closing ??= settledWithin(
      this.clock,
      CLOSE_LIMIT_MS,
      new Promise<void>((resolve) => {
        this.worker.once('exit', () => resolve());
        this.failLine(new Error(ENDED));
        this.worker.postMessage({ operation: 'close', argument: {} });
      }),
    ).then(() => {
      this.silence?.abort();
      this.worker.unref();
    });
    return this.closing;
  }

  private ask<T>(operation: string, argument: unknown, watch: PutWatch = {}): Promise<T> {
    const { signal, onAnswer } = watch;
    return new Promise<T>((resolve, reject) => {
      if (this.ended || this.closing !== undefined) return reject(new Error(ENDED));
      if (signal?.aborted) return reject(givenUp(signal));
      const giveUp = () => {
        const place = this.line.indexOf(step);
        if (place >= 0) this.line.splice(place, 1);
        if (signal) reject(givenUp(signal));
      };
      const settle = (answer: Answer | Error) => {
        signal?.removeEventListener('abort', giveUp);
        if (answer instanceof Error) return reject(answer);
        const { failure, result } = answer;
        if (failure === undefined) return resolve(result as T);
        reject(new SqliteFailure(failure.message, failure.resultCode));
      };
      const step: Step = { operation, argument, settle, onAnswer };
      signal?.addEventListener('abort', giveUp, { once: true });
      this.line.push(step);
      this.next();
    });
  }

  private next(): void {
    if (this.current !== undefined) {
      // It had no answer in time: who comes after it gets as long.
      if (this.silence === undefined) this.limitSilence();
      return;
    }
    this.current = this.line.shift();
    if (this.current === undefined) return;
    const { operation, argument } = this.current;
    try {
      this.worker.postMessage({ operation, argument });
    } catch (error) {
      // What cannot be handed over must not keep the thread from whoever comes next.
      const { current } = this;
      this.current = undefined;
      current.settle(PipelineError.from(error));
      return this.next();
    }
    this.limitSilence();
  }

  private take(answer: Answer): void {
    this.silence?.abort();
    this.silence = undefined;
    const answered = this.current;
    this.current = undefined;
    answered?.settle(answer);
    for (const { onAnswer } of answered ? [answered, ...this.line] : this.line) onAnswer?.();
    if (this.closing === undefined) this.next();
  }

  private limitSilence(): void {
    const silence = (this.silence = new AbortController());
    void this.clock.sleep(this.timeoutMs + ANSWER_MARGIN_MS, silence.signal).then(() => {
      if (silence.signal.aborted) return;
      this.silence = undefined;
      this.failAll(new PipelineError('STORE_UNAVAILABLE', 'SQLite: no answer in time'));
    });
  }

  private failAll(error: Error): void {
    if (this.ended) this.silence?.abort();
    this.current?.settle(error);
    this.failLine(error);
  }

  private failLine(error: Error): void {
    for (const step of this.line.splice(0)) step.settle(error);
  }
}
