import { PipelineError, type Clock } from '@event-pipeline/runtime';

/**
 * Calls something slow on request, for at most `limitMs` a request, and never twice at the same
 * time: requests that come while it runs share its answer. So a call that hangs costs each request
 * a wait with a limit, and does not pile up.
 */
export class BoundedCall<T> {
  readonly #call: () => Promise<T>;
  readonly #limitMs: number;
  readonly #clock: Clock;
  #running: Promise<T> | undefined;

  constructor(call: () => Promise<T>, limitMs: number, clock: Clock) {
    this.#call = call;
    this.#limitMs = limitMs;
    this.#clock = clock;
  }

  /** Rejects as the call does, or with INTERNAL when the limit is over. */
  async run(): Promise<T> {
    const running = (this.#running ??= this.#begin());
    const waiting = new AbortController();
    const limit = this.#clock.sleep(this.#limitMs, waiting.signal).then(() => {
      throw new PipelineError('INTERNAL', `no answer within ${this.#limitMs} ms`);
    });
    try {
      return await Promise.race([running, limit]);
    } finally {
      limit.catch(() => undefined);
      waiting.abort();
    }
  }

  async #begin(): Promise<T> {
    try {
      return await this.#call();
    } finally {
      this.#running = undefined;
    }
  }
}
