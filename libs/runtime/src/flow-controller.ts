import { PipelineError } from './pipeline-error';

export interface FlowLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/** Whoever holds something of a budget: the whole one, or the share of one stream. */
export interface FlowBudget {
  tryAcquire(events: number, bytes: number): boolean;
  acquire(events: number, bytes: number, signal?: AbortSignal): Promise<void>;
  grow(bytes: number): void;
  release(events: number, bytes: number): void;
}

interface Waiter {
  readonly events: number;
  readonly bytes: number;
  admit(): void;
  refuse(error: PipelineError): void;
}

/**
 * Bounds what is in flight, in events and in bytes. Whoever takes something on acquires first and
 * releases exactly the same once it is done.
 *
 * Admission is first come, first served: while someone waits nobody overtakes, so a large request
 * is not starved by small ones. A request above a limit by itself is admitted when nothing else is
 * held, since it would otherwise wait for ever.
 */
export class FlowController implements FlowBudget {
  readonly #limits: FlowLimits;
  /** In order of arrival; a Set, so that one that gives up leaves without a search. */
  readonly #waiters = new Set<Waiter>();
  #events = 0;
  #bytes = 0;
  #isSuspended = false;

  constructor(limits: FlowLimits) {
    checkAmount(limits.maxEvents, limits.maxBytes);
    this.#limits = limits;
  }

  /** Events held now. */
  get events(): number {
    return this.#events;
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Requests that wait to be admitted. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Takes the amount if it is free now and nobody waits for it; says whether it did. */
  tryAcquire(events: number, bytes: number): boolean {
    checkAmount(events, bytes);
    if (this.#waiters.size > 0 || !this.#fits(events, bytes)) return false;
    this.#hold(events, bytes);
    return true;
  }

  /**
   * Resolves once the amount is held. Rejects with the signal's reason when the signal aborts
   * first; nothing is held then. An abort after that changes nothing: the amount stays held.
   */
  acquire(events: number, bytes: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.tryAcquire(events, bytes)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#waiters.delete(waiter);
        reject(signal?.reason);
        // The one that gave up may have been what held up those behind it.
        this.#admitWaiters();
      };
      const waiter: Waiter = {
        events,
        bytes,
        admit: () => {
          signal?.removeEventListener('abort', giveUp);
          resolve();
        },
        refuse: (error) => {
          signal?.removeEventListener('abort', giveUp);
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }

  /**
   * Holds more for something that turned out to be larger than it was acquired for. Never waits, so
   * the limit may be exceeded by it; others wait until it is free again.
   */
  grow(bytes: number): void {
    checkAmount(0, bytes);
    this.#hold(0, bytes);
  }

  /** Gives back what was acquired and grown. Throws INTERNAL, changing nothing, when that much is not held. */
  release(events: number, bytes: number): void {
    checkAmount(events, bytes);
    if (events > this.#events || bytes > this.#bytes) {
      throw new PipelineError(
        'INTERNAL',
        `released ${events} events and ${bytes} bytes while ${this.#events} events and ` +
          `${this.#bytes} bytes were held`,
      );
    }
    this.#events -= events;
    this.#bytes -= bytes;
    this.#admitWaiters();
  }

  /**
   * From now on nobody is admitted while anything is held: `tryAcquire` says no and `acquire` waits.
   * With nothing held one request at a time passes, since keeping it out would free nothing.
   */
  suspend(): void {
    this.#isSuspended = true;
  }

  /** Ends {@link suspend}. */
  resume(): void {
    this.#isSuspended = false;
    this.#admitWaiters();
  }

  /** Rejects everyone who waits; returns how many that were. Who comes later waits again. */
  refuseWaiting(error: PipelineError): number {
    const refused = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of refused) waiter.refuse(error);
    return refused.length;
  }

  #admitWaiters(): void {
    for (const waiter of this.#waiters) {
      if (!this.#fits(waiter.events, waiter.bytes)) return;
      this.#waiters.delete(waiter);
      this.#hold(waiter.events, waiter.bytes);
      waiter.admit();
    }
  }

  #fits(events: number, bytes: number): boolean {
    if (this.#events === 0 && this.#bytes === 0) return true;
    if (this.#isSuspended) return false;
    return (
      this.#events + events <= this.#limits.maxEvents &&
      this.#bytes + bytes <= this.#limits.maxBytes
    );
  }

  #hold(events: number, bytes: number): void {
    this.#events += events;
    this.#bytes += bytes;
  }
}

function checkAmount(events: number, bytes: number): void {
  if (Number.isSafeInteger(events) && Number.isSafeInteger(bytes) && events >= 0 && bytes >= 0) {
    return;
  }
  throw new PipelineError('INTERNAL', `${events} events and ${bytes} bytes is not an amount`);
}
