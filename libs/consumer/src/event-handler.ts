import type { RetryPolicy } from '@event-pipeline/queue';
import type { Logger } from '@event-pipeline/telemetry';

/**
 * What is done with an event. It is delivered at least once: a handler sees an event again after a
 * failure, and may see it again after a crash, so what it does should be safe to repeat.
 *
 * Returning means done. Throwing (or rejecting) decides what happens next, by what is thrown:
 * - `permanent === true`, or `name === 'PermanentError'`: trying again is pointless; the event
 *   becomes a dead letter at once.
 * - `retryAfterMs`, a number of at least 0: tried again after that many milliseconds (at most a
 *   day) instead of the usual delay.
 * - anything else: tried again with growing delays.
 * Every failure counts as an attempt, and the last attempt that fails makes a dead letter. So does a
 * failure too long after the first one. PermanentError and RetryableError have these properties.
 *
 * A call that takes longer than its limit has failed: its signal aborts, and what it still comes to
 * changes nothing. That works only where the handler waits; one that keeps the event loop busy stops
 * the whole worker.
 */
export type EventHandler<E> = SingleHandler<E> | SingleHandlerObject<E> | BatchHandler<E>;

/** What a handler may set for itself; the rest is as the consumer has it. */
export interface HandlerSettings {
  readonly retry?: Partial<RetryPolicy>;
  /** Longest time of one call, be it for one event or for a batch, ms; 0: no limit. */
  readonly timeoutMs?: number;
}

/** Gets one event at a time; those of one lease one after another, in their order. */
export type SingleHandler<E> = (event: E, context: HandlerContext) => Promise<void> | void;

/** A handler of single events that has settings. */
export interface SingleHandlerObject<E> extends HandlerSettings {
  readonly handle: SingleHandler<E>;
}

/**
 * Gets its events of a lease at once, in their order. Returning nothing means that all are done,
 * returning failures that all others are; throwing means that all failed. An event that has failed
 * three times, or has one attempt left, gets a call of its own: so one that makes whole batches fail
 * does not take its neighbours with it.
 */
export interface BatchHandler<E> extends HandlerSettings {
  readonly batch: (
    events: readonly E[],
    context: BatchContext,
  ) => Promise<BatchResult> | BatchResult;
}

// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a handler that returns nothing has to fit
export type BatchResult = readonly HandlerFailure[] | void;

/** One event of a batch that failed. */
export interface HandlerFailure {
  /** Its position in the `events` of the call. */
  readonly index: number;
  /** What would have been thrown, had the event been handled alone. */
  readonly error: unknown;
}

export interface HandlerContext {
  /**
   * Aborts when the work has become pointless: the lease was lost, so another worker may have the
   * event, the call took too long, or the worker shuts down and its grace is over. What is returned
   * after that is not counted as done. Hand it to whatever waits.
   *
   * The calls of one lease share it, so what listens to it should stop listening when it is done:
   * listeners left behind stay until the lease ends, and hear of the abort of a later call.
   */
  readonly signal: AbortSignal;
  /** 1 the first time, one more after each failure. */
  readonly attempt: number;
  /** Each of its lines names the lease, and its trace where it is traced. */
  readonly logger: Logger;
  /**
   * The span of the lease, where it is traced: hand it on with what the handler calls. The event's own
   * trace, which may be another, is among its attributes.
   */
  readonly traceparent?: string;
}

export interface BatchContext {
  /** As in {@link HandlerContext}. */
  readonly signal: AbortSignal;
  /** For each event, by its position: 1 the first time, one more after each failure. */
  readonly attempts: readonly number[];
  /** As in {@link HandlerContext}. */
  readonly logger: Logger;
  /** As in {@link HandlerContext}. */
  readonly traceparent?: string;
}

/** The type name under which the handler of all other types is registered. */
export const DEFAULT_HANDLER = '*';

/** Handlers by event type; `*` gets every type that has none of its own. */
export type HandlersByType<E> = ReadonlyMap<string, EventHandler<E>>;
