import { setMaxListeners } from 'node:events';
import type { Call } from './call-verdicts';
import type { CallWatch, WatchedCalls } from './call-watch';
import { HandlerTimeoutError } from './handler-errors';
import type { HandlerEntry } from './handler-table';

/** A call that is waited for. */
interface RunningCall<E> {
  readonly entry: HandlerEntry<E>;
  readonly returned: Promise<unknown>;
  readonly failed: (error: unknown) => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The calls of handlers for one lease, one after another, each with the time limit of its handler.
 *
 * They share an abort signal until one of them is abandoned: its signal aborts, and the next call
 * gets a fresh one. So a call costs no signal of its own; what an earlier handler left running in
 * the background is told to stop together with the abandoned one.
 */
export class HandlerCalls<E> implements WatchedCalls {
  /** See {@link WatchedCalls}. */
  deadline = Infinity;

  private running: RunningCall<E> | undefined;
  private aborter = newAborter();
  private current = this.aborter.signal;
  private readonly forward = () => this.aborter.abort(this.leaseSignal.reason);

  /** @param leaseSignal aborts every call */
  constructor(
    private readonly watch: CallWatch,
    private readonly leaseSignal: AbortSignal,
  ) {
    watch.add(this);
    leaseSignal.addEventListener('abort', this.forward, { once: true });
    if (leaseSignal.aborted) this.forward();
  }

  /** For the next call. */
  get signal(): AbortSignal {
    return this.current;
  }

  /**
   * Waits for what a handler returned, and calls the one or the other with what it comes to:
   * `failed` with a {@link HandlerTimeoutError} when it takes longer, from the start of the call,
   * than the handler may. A handler that keeps the event loop busy cannot be abandoned.
   *
   * Resolves right after that; rejects with what they throw.
   */
  limited<T>(
    { entry, startedAt }: Pick<Call<E>, 'entry' | 'startedAt'>,
    returnedByHandler: PromiseLike<T>,
    succeeded: (value: T) => void,
    failed: (error: unknown) => void,
  ): Promise<void> {
    const returned = Promise.resolve(returnedByHandler);
    if (entry.timeoutMs === 0) return returned.then(succeeded, failed);
    return new Promise((resolve, reject) => {
      const running = { entry, returned, failed, resolve, reject };
      this.running = running;
      this.deadline = startedAt + entry.timeoutMs;
      this.watch.expect(this.deadline);
      void returned.then(
        (value) => this.end(running, succeeded, value),
        (error: unknown) => this.end(running, failed, error),
      );
    });
  }

  /** The running call has not ended in time: it is abandoned. */
  late(): void {
    const { running, aborter } = this;
    if (running === undefined) return;
    const error = new HandlerTimeoutError(running.entry.timeoutMs);
    if (!this.leaseSignal.aborted) this.aborter = newAborter();
    this.current = this.aborter.signal;
    running.entry.abandoned.add(running.returned);
    this.end(running, running.failed, error);
    aborter.abort(error);
  }

  /** To be called when no call is left that is waited for. */
  close(): void {
    this.watch.remove(this);
    this.leaseSignal.removeEventListener('abort', this.forward);
  }

  /** What an abandoned call comes to changes nothing. */
  private end<T>(running: RunningCall<E>, verdict: (what: T) => void, what: T): void {
    if (this.running !== running) return;
    this.running = undefined;
    this.deadline = Infinity;
    try {
      verdict(what);
      running.resolve();
    } catch (error) {
      running.reject(error);
    }
  }
}

/** Many calls may listen to one signal: no leak, whatever Node's warning says above ten. */
function newAborter(): AbortController {
  const aborter = new AbortController();
  setMaxListeners(0, aborter.signal);
  return aborter;
}
