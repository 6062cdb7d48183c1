import type { RetryPolicy } from '@event-pipeline/queue';
import type { Clock, Random } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import { AbandonedCalls } from './abandoned-calls';
import { CallWatch } from './call-watch';
import type { ConsumerObserver } from './consumer-observer';
import { errorText } from './error-text';
import {
  DEFAULT_HANDLER,
  type BatchHandler,
  type EventHandler,
  type HandlerSettings,
  type HandlersByType,
  type SingleHandler,
} from './event-handler';
import { HandlerBreaker, type Admission } from './handler-breaker';

/** As many times as long as a single event may a batch take, where its handler says nothing else. */
export const BATCH_TIMEOUT_FACTOR = 10;

/** How long events wait whose handler hangs in too many calls. */
const STUCK_DEFER_MS = 60_000;

/** How a handler is called. */
export type HandlerCall<E> =
  | { readonly form: 'single'; readonly handle: SingleHandler<E> }
  | { readonly form: 'batch'; readonly batch: BatchHandler<E>['batch'] };

/** One handler of a consumer, with its settings and its state, which all leases share. */
export class HandlerEntry<E> {
  constructor(
    /** The type it is registered under. */
    readonly name: string,
    readonly call: HandlerCall<E>,
    readonly retryPolicy: RetryPolicy,
    /** Longest time of one call; 0: no limit. */
    readonly timeoutMs: number,
    readonly breaker: HandlerBreaker,
    readonly abandoned: AbandonedCalls,
  ) {}

  /** What is to be done with an event now: see {@link HandlerBreaker.admit}. */
  admit(fresh: boolean): Admission {
    return this.abandoned.isFull ? 'defer' : this.breaker.admit(fresh);
  }

  /** How long to put an event off that was not admitted. */
  deferMs(): number {
    return this.abandoned.isFull ? STUCK_DEFER_MS : this.breaker.deferMs();
  }
}

export interface HandlerDefaults {
  readonly retryPolicy: RetryPolicy;
  /** Longest time of a call for one event, ms; 0: no limit. */
  readonly timeoutMs: number;
}

export interface HandlerTableParts<E> {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer: ConsumerObserver<E>;
}

/** The handlers of a consumer by event type, settings and defaults put together. */
export class HandlerTable<E> {
  /** Of the calls of all leases. */
  readonly watch: CallWatch;

  private readonly entries = new Map<string, HandlerEntry<E>>();

  constructor(
    handlers: HandlersByType<E>,
    private readonly defaults: HandlerDefaults,
    private readonly parts: HandlerTableParts<E>,
  ) {
    this.watch = new CallWatch(parts.clock);
    for (const [name, handler] of handlers) this.entries.set(name, this.entryOf(name, handler));
  }

  /** Undefined where the type has no handler and there is no default one. */
  entryFor(type: string): HandlerEntry<E> | undefined {
    return this.entries.get(type) ?? this.entries.get(DEFAULT_HANDLER);
  }

  /** Why the process should be started anew; undefined while there is no reason. */
  stuckReason(): string | undefined {
    for (const { name, abandoned } of this.entries.values()) {
      if (abandoned.isFull) {
        return `${abandoned.count} calls of the handler "${name}" never ended; only a restart ends them`;
      }
    }
    return undefined;
  }

  /** To be called when no handler is waited for any more. */
  close(): void {
    this.watch.close();
  }

  private entryOf(name: string, handler: EventHandler<E>): HandlerEntry<E> {
    const { retryPolicy, timeoutMs } = this.defaults;
    const { clock, random, logger, observer } = this.parts;
    const settings: HandlerSettings = typeof handler === 'function' ? {} : handler;
    const call = callOf(handler);
    const usualMs = call.form === 'batch' ? timeoutMs * BATCH_TIMEOUT_FACTOR : timeoutMs;
    observer.onHandlerPaused?.(name, false);
    observer.onAbandonedCalls?.(name, 0);
    return new HandlerEntry(
      name,
      call,
      { ...retryPolicy, ...settings.retry },
      settings.timeoutMs ?? usualMs,
      new HandlerBreaker(clock, random, (paused, ms, error) => {
        if (paused) {
          logger.warn(
            { handler: name, error: errorText(error) },
            'a handler keeps failing: its events wait, some are tried',
          );
        } else {
          logger.info({ handler: name, ms: Math.round(ms) }, 'a handler works again');
        }
        observer.onHandlerPaused?.(name, paused);
      }),
      new AbandonedCalls((held, becameFull) => {
        observer.onAbandonedCalls?.(name, held);
        if (!becameFull) return;
        logger.error(
          { handler: name, calls: held },
          'too many calls of a handler never ended; it gets no further events until some do',
        );
      }),
    );
  }
}

/** Called as methods where they are: a handler may be an object of a class. */
function callOf<E>(handler: EventHandler<E>): HandlerCall<E> {
  if (typeof handler === 'function') return { form: 'single', handle: handler };
  if ('batch' in handler) {
    return { form: 'batch', batch: (events, context) => handler.batch(events, context) };
  }
  return { form: 'single', handle: (event, context) => handler.handle(event, context) };
}
