import { systemClock, type Clock } from '@event-pipeline/runtime';
import type { EnqueueBatch, LeaseRef } from '../../queue';
import { InMemoryQueue } from '../in-memory-queue';
import type { Manner } from '../in-memory-waiting';

/**
 * How far time passes at once, ms. Every deadline lies half a step beside the moments that a run
 * reaches, so that what a run itself takes, and it may take half a step, decides nothing.
 */
export const STEP_MS = 60_000;
/** Isolated crashes that make a dead letter. */
export const MAX_CRASHES = 2;

/** A lease that a worker has in hand, as far as the worker knows. */
export interface LeaseInHand {
  readonly ref: LeaseRef;
  readonly worker: number;
}

/** What a run knows: the reference queue, and what workers and producers have in hand. */
export class QueueModel {
  readonly reference: InMemoryQueue;
  inHand: LeaseInHand[] = [];
  /** Leases that their workers have ended; any further call for them must be refused. */
  readonly ended: LeaseRef[] = [];
  /** Batches that producers may send again. */
  readonly sent: EnqueueBatch[] = [];
  private passedMs = 0;
  private calls = 0;
  private bodies = 0;

  constructor(manner: Manner) {
    const clock: Clock = { ...systemClock, now: () => Date.UTC(2030, 0, 1) + this.passedMs };
    this.reference = new InMemoryQueue(clock, { manner });
  }

  passTime(ms: number): void {
    this.passedMs += ms;
  }

  /**
   * A time limit that ends between two moments that a run reaches, and later than that of any call
   * before with as many steps: what ends first is then never a matter of microseconds.
   */
  steps(steps: number): number {
    return steps * STEP_MS - STEP_MS / 2 + ++this.calls;
  }

  nextId(): string {
    return `00000000-0000-4000-8000-${String(++this.calls).padStart(12, '0')}`;
  }

  nextBody(filling: string): string {
    return `{"n":${++this.bodies},"f":"${filling}"}`;
  }

  /** One of the leases that a worker has in hand. */
  pick(worker: number, nth: number): LeaseInHand | undefined {
    const own = this.inHand.filter((lease) => lease.worker === worker);
    return own[nth % own.length];
  }

  end(lease: LeaseInHand): void {
    this.inHand = this.inHand.filter((other) => other !== lease);
    this.ended.unshift(lease.ref);
  }
}
