import type { Clock, Random } from '@event-pipeline/runtime';
import type { Queue, Reclaimed } from '@event-pipeline/queue';
import type { Logger } from '@event-pipeline/telemetry';
import { RateLimitedWarning } from './rate-limited-warning';

/** Leases taken back in one call, and calls a partition in one turn. */
const MAX_LEASES_A_CALL = 16;
const MAX_CALLS_A_TURN = 64;
/** The first turn comes within this time, so that a restart soon finds what a crash has left. */
const MAX_FIRST_DELAY_MS = 1_000;

export interface ReclaimOptions {
  readonly leaseMs: number;
  /** Crashes after which an event that was alone in its lease becomes a dead letter. */
  readonly maxCrashes: number;
  readonly onReclaimed: (partition: number, reclaimed: Reclaimed) => void;
}

/**
 * Takes back the leases of workers that died: every third to two thirds of the lease time, by
 * chance, so that workers which started together do not ask together.
 */
export class ReclaimDuty {
  private readonly warning: RateLimitedWarning;

  constructor(
    private readonly queue: Pick<Queue, 'partitionCount' | 'reclaim'>,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly logger: Logger,
    private readonly options: ReclaimOptions,
  ) {
    this.warning = new RateLimitedWarning(clock, logger);
  }

  /** Runs until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const third = this.options.leaseMs / 3;
    await this.clock.sleep(Math.min(MAX_FIRST_DELAY_MS, third) * this.random.next(), signal);
    while (!signal.aborted) {
      await this.turn(signal);
      await this.clock.sleep(third * (1 + this.random.next()), signal);
    }
  }

  /** One partition out of reach, as with a node of a cluster, keeps no other from its turn. */
  private async turn(signal: AbortSignal): Promise<void> {
    for (let partition = 0; partition < this.queue.partitionCount(); partition++) {
      try {
        await this.reclaimAll(partition, signal);
      } catch (error) {
        this.warning.warn(
          error,
          { partition },
          'taking back expired leases failed; the next turn tries again',
        );
      }
    }
  }

  private async reclaimAll(partition: number, signal: AbortSignal): Promise<void> {
    const limits = { maxLeases: MAX_LEASES_A_CALL, maxCrashes: this.options.maxCrashes };
    for (let call = 0; call < MAX_CALLS_A_TURN && !signal.aborted; call++) {
      const reclaimed = await this.queue.reclaim(partition, limits);
      if (reclaimed.leases > 0) this.report(partition, reclaimed);
      if (reclaimed.leases < MAX_LEASES_A_CALL) return;
    }
  }

  private report(partition: number, reclaimed: Reclaimed): void {
    const { leases, events, dead } = reclaimed;
    this.logger.warn({ partition, leases, events, dead }, 'took back leases that had run out');
    this.options.onReclaimed(partition, reclaimed);
  }
}
