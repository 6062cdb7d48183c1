import type { Clock } from '@event-pipeline/runtime';
import type { EventHandler, HandlersByType } from '@event-pipeline/consumer';

/**
 * The same handlers with a wait of `ms` before each event, as if it took that long; a batch waits
 * for all of its events at once. A wait that is cut short by the signal ends in an error, and the
 * handler is not called.
 */
export function withSimulatedWork<E>(
  handlers: HandlersByType<E>,
  ms: number,
  clock: Clock,
): HandlersByType<E> {
  if (ms === 0) return handlers;
  const work = async (signal: AbortSignal, events: number): Promise<void> => {
    await clock.sleep(ms * events, signal);
    signal.throwIfAborted();
  };
  const slow = (handler: EventHandler<E>): EventHandler<E> =>
    typeof handler === 'function'
      ? async (event, context) => {
          await work(context.signal, 1);
          await handler(event, context);
        }
      : {
          batch: async (events, context) => {
            await work(context.signal, events.length);
            return handler.batch(events, context);
          },
        };
  return new Map([...handlers].map(([type, handler]) => [type, slow(handler)]));
}
