import type { Clock, PipelineError } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';

/** Between two lines about one outage, ms: reasons may alternate from try to try. */
export const REASON_INTERVAL_MS = 10_000;

/**
 * Whether the queue answers, as all loops of a consumer see it together: one log line when it
 * stops answering and one when it answers again, not one for each try. Another reason than the one
 * that was last told gets a line of its own, at most one every {@link REASON_INTERVAL_MS}.
 */
export class QueueOutage {
  private since: number | undefined;
  private told: { readonly reason: string; readonly at: number } | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  began({ code, message }: PipelineError): void {
    const now = this.clock.monotonic();
    const isNew = this.since === undefined;
    this.since ??= now;
    const reason = `${code}: ${message}`;
    if (!isNew && this.told !== undefined) {
      if (this.told.reason === reason || now - this.told.at < REASON_INTERVAL_MS) return;
    }
    this.told = { reason, at: now };
    this.logger.warn(
      { code, reason: message },
      isNew
        ? 'the queue does not answer; trying again until it does'
        : 'the queue still does not answer, for another reason',
    );
  }

  over(): void {
    if (this.since === undefined) return;
    const ms = Math.round(this.clock.monotonic() - this.since);
    this.since = undefined;
    this.told = undefined;
    this.logger.info({ ms }, 'the queue answers again');
  }
}
