import type { Clock } from '@event-pipeline/runtime';
import { CallWatch } from './call-watch';
import { HandlerTimeoutError } from './handler-errors';
import type { HandlerEntry } from './handler-table';

/**
 * The calls of handlers for one lease, one after another, each with the time limit of its handler.
 *
 * They share an abort signal until one of them is abandoned: its signal aborts, and the next call
 * gets a fresh one. So a call costs no signal of its own; what an earlier handler left running in
 * the background is told to stop together with the abandoned one.
 */
export class HandlerCalls<E> {
  private readonly watch: CallWatch;
  private aborter = new AbortController();
  private current = this.aborter.signal;
  private readonly forward = () => this.aborter.abort(this.leaseSignal.reason);

  /** @param leaseSignal aborts every call */
  constructor(
    clock: Clock,
    private readonly leaseSignal: AbortSignal,
  ) {
    this.watch = new CallWatch(clock);
    leaseSignal.addEventListener('abort', this.forward, { once: true });
    if (leaseSignal.aborted) this.forward();
  }

  /** For the next call. */
  get signal(): AbortSignal {
    return this.current;
  }

  /**
   * What the handler's promise comes to, or a rejection with a {@link HandlerTimeoutError} when that
   * takes too long. A handler that keeps the event loop busy cannot be abandoned.
   */
  limited<T>(entry: HandlerEntry<E>, returned: PromiseLike<T>): Promise<T> {
    const call = Promise.resolve(returned);
    if (entry.timeoutMs === 0) return call;
    return new Promise((resolve, reject) => {
      const watched = this.watch.begin(entry.timeoutMs, () => {
        const error = new HandlerTimeoutError(entry.timeoutMs);
        const { aborter } = this;
        if (!this.leaseSignal.aborted) this.aborter = new AbortController();
        this.current = this.aborter.signal;
        entry.abandoned.add(call);
        reject(error);
        aborter.abort(error);
      });
      call.then(
        (value) => {
          this.watch.end(watched);
          resolve(value);
        },
        (error: unknown) => {
          this.watch.end(watched);
          reject(error);
        },
      );
    });
  }

  /** To be called when no call is left that is waited for. */
  close(): void {
    this.watch.close();
    this.leaseSignal.removeEventListener('abort', this.forward);
  }
}
