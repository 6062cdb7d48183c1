import type { Clock, PipelineError } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';

/**
 * Whether the queue answers, as all loops of a consumer see it together: one log line when it
 * stops answering and one when it answers again, not one for each try.
 */
export class QueueOutage {
  private since: number | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  began(error: PipelineError): void {
    if (this.since !== undefined) return;
    this.since = this.clock.monotonic();
    this.logger.warn(
      { reason: error.message },
      'the queue does not answer; trying again until it does',
    );
  }

  over(): void {
    if (this.since === undefined) return;
    const ms = Math.round(this.clock.monotonic() - this.since);
    this.since = undefined;
    this.logger.info({ ms }, 'the queue answers again');
  }
}
