import type { Clock } from '@event-pipeline/runtime';
import {
  BATCH_TIMEOUT_FACTOR,
  type EventHandler,
  type HandlerSettings,
  type HandlersByType,
} from '@event-pipeline/consumer';
import { MAX_BATCH_EVENTS } from '@event-pipeline/queue';

export interface SimulatedWork {
  /** A wait before each event, ms. */
  readonly processingTimeMs: number;
  /** The time limit of handlers that set none, ms; 0: no limit. */
  readonly handlerTimeoutMs: number;
}

/**
 * The same handlers with a wait before each event, as if it took that long; a batch waits for all of
 * its events at once. A wait that is cut short by the signal ends in an error, and the handler is not
 * called. The wait does not count towards the handler's time limit.
 */
export function withSimulatedWork<E>(
  handlers: HandlersByType<E>,
  { processingTimeMs: ms, handlerTimeoutMs }: SimulatedWork,
  clock: Clock,
): HandlersByType<E> {
  if (ms === 0) return handlers;
  const work = async (signal: AbortSignal, events: number): Promise<void> => {
    await clock.sleep(ms * events, signal);
    signal.throwIfAborted();
  };
  const settings = (
    { retry, timeoutMs }: HandlerSettings,
    usualMs: number,
    events: number,
  ): HandlerSettings => {
    const limitMs = timeoutMs ?? usualMs;
    return {
      ...(retry === undefined ? {} : { retry }),
      timeoutMs: limitMs === 0 ? 0 : limitMs + ms * events,
    };
  };
  const slow = (handler: EventHandler<E>): EventHandler<E> => {
    if (typeof handler !== 'function' && 'batch' in handler) {
      return {
        ...settings(handler, handlerTimeoutMs * BATCH_TIMEOUT_FACTOR, MAX_BATCH_EVENTS),
        batch: async (events, context) => {
          await work(context.signal, events.length);
          return handler.batch(events, context);
        },
      };
    }
    return {
      ...settings(typeof handler === 'function' ? {} : handler, handlerTimeoutMs, 1),
      handle: async (event, context) => {
        await work(context.signal, 1);
        await (typeof handler === 'function'
          ? handler(event, context)
          : handler.handle(event, context));
      },
    };
  };
  return new Map([...handlers].map(([type, handler]) => [type, slow(handler)]));
}
