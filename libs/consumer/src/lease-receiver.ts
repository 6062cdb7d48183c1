import { PipelineError, type Clock, type Random } from '@event-pipeline/runtime';
import type { Lease, Queue, ReceiveRequest } from '@event-pipeline/queue';
import type { Logger } from '@event-pipeline/telemetry';
import type { Heartbeat } from './heartbeat';
import { RateLimitedWarning } from './rate-limited-warning';
import type { QueueOutage } from './queue-outage';
import { reconnectDelayMs } from './reconnect-delay';

export interface ReceiveLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
  readonly leaseMs: number;
}

export interface LeaseReceiverOptions {
  readonly queue: Pick<Queue, 'receive'>;
  readonly limits: ReceiveLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly outage: QueueOutage;
  readonly heartbeat: Heartbeat;
}

/** A lease with what its holder has to know of it. */
export interface Receipt {
  readonly lease?: Lease;
  /** Monotonic time from before the lease was first asked for: from here its time is counted. */
  readonly requestedAt: number;
  readonly isolatedWaiting: boolean;
  readonly nextDueMs?: number;
}

/**
 * Asks for leases until the queue answers. A call without an answer may have made a lease, so it
 * is repeated under the same lease id as long as that lease could still be held: so it is not lost
 * until it expires.
 */
export class LeaseReceiver {
  private readonly unexpected: RateLimitedWarning;

  constructor(private readonly options: LeaseReceiverOptions) {
    this.unexpected = new RateLimitedWarning(options.clock, options.logger);
  }

  /** Undefined once the signal aborts. Never rejects. */
  async receive(
    partition: number,
    isolated: ReceiveRequest['isolated'],
    signal: AbortSignal,
  ): Promise<Receipt | undefined> {
    const { queue, limits, clock, random, outage, heartbeat } = this.options;
    let leaseId = random.uuid();
    let requestedAt = clock.monotonic();
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        const received = await queue.receive({ partition, leaseId, isolated, ...limits });
        heartbeat.beat();
        outage.over();
        return { ...received, requestedAt };
      } catch (thrown) {
        heartbeat.beat();
        const error = PipelineError.from(thrown);
        if (error.code === 'QUEUE_UNAVAILABLE') outage.began(error);
        else this.unexpected.warn(error, { partition }, 'receiving events failed');
        await clock.sleep(reconnectDelayMs(failures, random.next()), signal);
        if (clock.monotonic() - requestedAt >= limits.leaseMs) {
          leaseId = random.uuid();
          requestedAt = clock.monotonic();
        }
      }
    }
    return undefined;
  }
}
