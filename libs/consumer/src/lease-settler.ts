import { PipelineError, type Clock, type Random } from '@event-pipeline/runtime';
import type { LeaseRef, Queue, SettleException } from '@event-pipeline/queue';
import type { QueueOutage } from './queue-outage';
import { reconnectDelayMs } from './reconnect-delay';

/**
 * How settling a lease ended:
 * - `settled`: the queue has the outcome.
 * - `lost`: refused, the lease was no longer held; its events are delivered again.
 * - `ambiguous`: refused, but after a call that was never answered, which may have settled it.
 * - `unavailable`: no answer until the lease had run out, which may have settled it all the same.
 * - `failed`: an error that no repetition cures.
 */
export type SettleResult = 'settled' | 'lost' | 'ambiguous' | 'unavailable' | 'failed';

export interface Settled {
  readonly result: SettleResult;
  readonly error?: PipelineError;
}

/** Reports the outcome of a lease: one call, repeated only where the queue gave no answer. */
export class LeaseSettler {
  constructor(
    private readonly queue: Pick<Queue, 'settle'>,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly outage: QueueOutage,
  ) {}

  /**
   * Never rejects.
   *
   * @param deadline monotonic time after which there is nothing left to settle
   * @param signal ends the repetitions early
   */
  async settle(
    lease: LeaseRef,
    exceptions: readonly SettleException[],
    deadline: number,
    signal: AbortSignal,
  ): Promise<Settled> {
    const ref: LeaseRef = { partition: lease.partition, id: lease.id, size: lease.size };
    for (let failures = 0; ;) {
      try {
        await this.queue.settle(ref, exceptions);
        this.outage.over();
        return { result: 'settled' };
      } catch (thrown) {
        const error = PipelineError.from(thrown);
        if (error.code === 'LEASE_LOST') {
          this.outage.over();
          return { result: failures === 0 ? 'lost' : 'ambiguous', error };
        }
        if (error.code !== 'QUEUE_UNAVAILABLE') return { result: 'failed', error };
        this.outage.began(error);
        const delayMs = reconnectDelayMs(++failures, this.random.next());
        const tooLate = this.clock.monotonic() + delayMs >= deadline;
        if (!tooLate) await this.clock.sleep(delayMs, signal);
        if (tooLate || signal.aborted) return { result: 'unavailable', error };
      }
    }
  }
}
