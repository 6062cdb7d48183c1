import type { Reclaimed } from '@event-pipeline/queue';
import type { LeaseOutcome } from './lease-outcome';
import type { LeaseLoss } from './lease-extender';
import type { SettleResult } from './lease-settler';

/** One lease, as the observer of a consumer sees it. */
export interface ObservedLease {
  readonly partition: number;
  readonly events: number;
  /** True when it ran with nothing beside it, since it may be what ended an earlier worker. */
  readonly isolated: boolean;
  /** Of its span, where it is traced: for the exemplars of metrics. */
  readonly traceId?: string;
}

export interface SettledLease<E> extends ObservedLease {
  readonly outcome: LeaseOutcome<E>;
  /** From the receipt of the lease to the end of its last handler. */
  readonly handlingMs: number;
  /** How long the settle call took, repetitions included. */
  readonly settleMs: number;
}

export interface LostLease extends ObservedLease {
  /**
   * While handling: what the extender says. While settling: what the settler says; after
   * `ambiguous` and `unavailable` the lease may in truth have been settled.
   */
  readonly reason: LeaseLoss | Exclude<SettleResult, 'settled'>;
}

/** One call of the sink that it answered. */
export interface StoredEvents {
  readonly events: number;
  /** Of them, refused for what they contain. */
  readonly refused: number;
  readonly ms: number;
}

/**
 * Told what happens in a consumer; how metrics are kept without the consumer knowing of them.
 * Called once a lease or more rarely, never once an event. Must not throw.
 */
export interface ConsumerObserver<E> {
  onLease?(lease: ObservedLease): void;
  /** The queue has the outcome. */
  onSettled?(lease: SettledLease<E>): void;
  /** The outcome is not in the queue (or not for certain): events may be delivered again. */
  onLost?(lease: LostLease): void;
  /** The sink has answered for the events of a lease; they may still be settled in vain. */
  onStored?(stored: StoredEvents): void;
  /** A call of the sink failed: it is out of reach. Called at each try. */
  onStoreFailed?(): void;
  /** Called when the sink goes out of reach, and when it is back. */
  onSinkOutage?(outOfReach: boolean): void;
  /** Called for each handler at first, and when the pause of one that keeps failing begins or ends. */
  onHandlerPaused?(handler: string, paused: boolean): void;
  /** How many calls of a handler are no longer waited for and have not ended; at first for each. */
  onAbandonedCalls?(handler: string, calls: number): void;
  onReclaimed?(partition: number, reclaimed: Reclaimed): void;
}
