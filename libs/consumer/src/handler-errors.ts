/** Thrown by a handler to say that trying again is pointless: the event becomes a dead letter. */
export class PermanentError extends Error {
  override readonly name: string = 'PermanentError';
  readonly permanent = true;
}

/** Thrown by a handler to say that trying again may help, and when. */
export class RetryableError extends Error {
  override readonly name: string = 'RetryableError';
  /** Milliseconds until the next try; absent: the usual growing delay. */
  readonly retryAfterMs?: number;

  /** @param options.delayMs at least 0, at most a day; absent: the usual growing delay */
  constructor(message?: string, options: { delayMs?: number; cause?: unknown } = {}) {
    const { delayMs, ...rest } = options;
    super(message, rest);
    if (delayMs !== undefined) this.retryAfterMs = delayMs;
  }
}

/** What a call has failed with whose handler did not end in time; also why its signal aborted. */
export class HandlerTimeoutError extends Error {
  override readonly name: string = 'HandlerTimeoutError';

  constructor(limitMs: number) {
    super(`the handler did not end within ${limitMs} ms and was abandoned`);
  }
}
