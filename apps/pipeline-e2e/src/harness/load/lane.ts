import { status, type ServiceError } from '@grpc/grpc-js';
import type { EventServiceClient, Rejection } from '@event-pipeline/contracts';
import { systemClock, type Random } from '@event-pipeline/runtime';
import type { Ledger } from './ledger';
import { readFailedCall, type FailedCall } from './resend-rules';

/** One batch on its way: which events, and the id under which they are sent, however often. */
export interface Batch {
  readonly id: string;
  readonly numbers: readonly number[];
}

export interface LaneOptions {
  readonly client: EventServiceClient;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly batchEvents: number;
  /** Of this lane; Infinity for as fast as it is answered. */
  readonly eventsPerSecond: number;
  /** How long after the others this lane sends its first batch, ms. */
  readonly offsetMs: number;
  /** Of ambiguous failures, the share after which the events are given up instead of sent again. */
  readonly impatience: number;
  readonly onFailure: (call: FailedCall) => void;
}

/** How long a call may take before its client gives it up, ms. */
export const CALL_LIMIT_MS = 8_000;
const FIRST_DELAY_MS = 20;
const MAX_DELAY_MS = 500;

/** What the three ways of sending share: batches at a pace, answers to the ledger, delays. */
export class Lane {
  private readonly started = systemClock.monotonic();
  private sentEvents = 0;
  private failures = 0;

  constructor(
    readonly options: LaneOptions,
    /** No new events, what is open is still settled. */
    readonly closing: AbortSignal,
    /** What is open is given up. */
    readonly givenUp: AbortSignal,
  ) {}

  get client(): EventServiceClient {
    return this.options.client;
  }

  get ledger(): Ledger {
    return this.options.ledger;
  }

  /** The next batch when its time has come; undefined when there is to be none. */
  async nextBatch(): Promise<Batch | undefined> {
    const { eventsPerSecond, batchEvents, offsetMs, random } = this.options;
    const dueMs = offsetMs + (this.sentEvents / eventsPerSecond) * 1_000;
    const early = dueMs - (systemClock.monotonic() - this.started);
    if (early > 0) await systemClock.sleep(early, this.closing);
    // What an outage held up is not made good for, or the load after it would have no bound.
    else if (early < -1_000) this.sentEvents += (-early / 1_000) * eventsPerSecond;
    if (this.closing.aborted) return undefined;
    const numbers = this.ledger.take(batchEvents);
    if (numbers.length === 0) return undefined;
    this.sentEvents += numbers.length;
    return { id: random.uuid(), numbers };
  }

  /** Notes an answer that covers all of these events. */
  settle(numbers: readonly number[], rejections: readonly Rejection[]): void {
    this.failures = 0;
    const refused = new Map(rejections.map((rejection) => [rejection.index, rejection]));
    numbers.forEach((n, index) => {
      const rejection = refused.get(index);
      if (rejection === undefined) this.ledger.acknowledge(n);
      else this.ledger.refuse(n, rejection.message);
    });
  }

  /** Decides about events whose call failed, and waits where they are to be sent again. */
  async afterFailure(
    error: ServiceError,
    numbers: readonly number[],
  ): Promise<'again' | 'settled'> {
    const { random, impatience, onFailure } = this.options;
    const call = readFailedCall(error);
    onFailure(call);
    // Else "unknown" would excuse whatever became of the events.
    if (!call.allowed) this.ledger.breach(`a valid call ended with ${call.text}`);
    if (!call.again) {
      for (const n of numbers) {
        if (call.definite) this.ledger.refuse(n, call.text);
        else this.ledger.giveUp(n);
      }
      return 'settled';
    }
    if (this.givenUp.aborted || random.next() < impatience) {
      for (const n of numbers) this.ledger.giveUp(n);
      return 'settled';
    }
    this.failures += 1;
    const full = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** this.failures);
    await systemClock.sleep((call.askedMs ?? full) * (0.5 + random.next() / 2), this.givenUp);
    return 'again';
  }
}

/** An answer that came to its end without a status of its own. */
export function unanswered(what: string): ServiceError {
  return Object.assign(new Error(what), {
    code: status.UNAVAILABLE,
    details: what,
  }) as unknown as ServiceError;
}
