import { PipelineError, type Clock } from '@event-pipeline/runtime';
import type { LeaseRef, Queue } from '@event-pipeline/queue';

/** Why a lease is no longer ours to work on. */
export type LeaseLoss = 'refused' | 'deadline-passed';

/** Saves the making of an exception with its stack for each lease. */
const STOPPED = 'stopped';

/** Shortest pause before an extension that failed is tried again. */
const MIN_RETRY_MS = 50;

/**
 * Keeps one lease held while its events are worked on: extends it each time a third of its time
 * has passed, and more often after a failure. Once the queue refuses, or the time has run out
 * without an answer, `signal` aborts: another worker may have the events from then on.
 *
 * Time is counted on the monotonic clock from before a request was sent, so this side never
 * believes in a lease for longer than the queue does (as long as both clocks run alike; settling
 * late is refused by the queue in any case).
 */
export class LeaseExtender {
  private readonly lease: LeaseRef;
  private readonly aborter = new AbortController();
  private readonly stopper = new AbortController();
  private loss: LeaseLoss | undefined;
  private deadlineAt: number;

  /** @param requestedAt monotonic time from before the lease was asked for */
  constructor(
    private readonly queue: Pick<Queue, 'extend'>,
    private readonly clock: Clock,
    lease: LeaseRef,
    private readonly leaseMs: number,
    requestedAt: number,
  ) {
    this.lease = { partition: lease.partition, id: lease.id, size: lease.size };
    this.deadlineAt = requestedAt + leaseMs;
    void this.run(requestedAt + leaseMs / 3);
  }

  /** Aborts when the lease is lost, or by {@link abort}. */
  get signal(): AbortSignal {
    return this.aborter.signal;
  }

  /** Monotonic time until which the lease is ours for certain. */
  get deadline(): number {
    return this.deadlineAt;
  }

  /** Undefined as long as the lease is ours. */
  get lost(): LeaseLoss | undefined {
    return this.loss;
  }

  /** Ends the extending; the lease runs until its deadline. */
  stop(): void {
    this.stopper.abort(STOPPED);
  }

  /** Ends the extending and tells the handlers to give up, though the lease is still held. */
  abort(): void {
    this.stop();
    this.aborter.abort(new PipelineError('DRAINING', 'the worker stops and its grace is over'));
  }

  private async run(firstAt: number): Promise<void> {
    const { clock } = this;
    const stopped = this.stopper.signal;
    let nextAt = firstAt;
    for (;;) {
      await clock.sleep(
        Math.max(0, Math.min(nextAt, this.deadlineAt) - clock.monotonic()),
        stopped,
      );
      if (stopped.aborted) return;
      if (clock.monotonic() >= this.deadlineAt) return this.lose('deadline-passed');
      const sentAt = clock.monotonic();
      const answer = await this.extend();
      if (stopped.aborted) return;
      if (answer === 'refused') return this.lose('refused');
      if (answer === 'extended') {
        this.deadlineAt = sentAt + this.leaseMs;
        nextAt = sentAt + this.leaseMs / 3;
      } else {
        nextAt = clock.monotonic() + Math.max(MIN_RETRY_MS, this.leaseMs / 30);
      }
    }
  }

  /** Resolves at the deadline at the latest, also where the queue never answers. */
  private async extend(): Promise<'extended' | 'refused' | 'failed'> {
    const patience = new AbortController();
    const endPatience = () => patience.abort(STOPPED);
    this.stopper.signal.addEventListener('abort', endPatience, { once: true });
    const request = this.queue.extend(this.lease, this.leaseMs).then(
      () => 'extended' as const,
      (error: unknown) => (isLeaseLost(error) ? 'refused' : 'failed'),
    );
    const timeLeft = Math.max(0, this.deadlineAt - this.clock.monotonic());
    const timeout = this.clock.sleep(timeLeft, patience.signal).then(() => 'failed' as const);
    const answer = await Promise.race([request, timeout]);
    this.stopper.signal.removeEventListener('abort', endPatience);
    endPatience();
    return answer;
  }

  private lose(loss: LeaseLoss): void {
    this.loss = loss;
    this.aborter.abort(new PipelineError('LEASE_LOST', 'another worker may have these events now'));
  }
}

function isLeaseLost(error: unknown): boolean {
  return error instanceof PipelineError && error.code === 'LEASE_LOST';
}
