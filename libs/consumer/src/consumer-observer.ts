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

/**
 * Told what happens in a consumer; how metrics are kept without the consumer knowing of them.
 * Called once a lease, never once an event. Must not throw.
 */
export interface ConsumerObserver<E> {
  onLease?(lease: ObservedLease): void;
  /** The queue has the outcome. */
  onSettled?(lease: SettledLease<E>): void;
  /** The outcome is not in the queue (or not for certain): events may be delivered again. */
  onLost?(lease: LostLease): void;
  onReclaimed?(partition: number, reclaimed: Reclaimed): void;
}
