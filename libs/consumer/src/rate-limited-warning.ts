import { PipelineError, type Clock } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';

const PERIOD_MS = 60_000;

/** Warns of a repeated error at most once a minute, with the number of those kept back. */
export class RateLimitedWarning {
  private lastAt: number | undefined;
  private keptBack = 0;

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  warn(error: unknown, fields: object, message: string): void {
    const now = this.clock.monotonic();
    if (this.lastAt !== undefined && now - this.lastAt < PERIOD_MS) {
      this.keptBack++;
      return;
    }
    // A queue out of reach is no mistake of the program: no stack trace.
    const unavailable = error instanceof PipelineError && error.code === 'QUEUE_UNAVAILABLE';
    const cause = unavailable ? { reason: error.message } : { err: error };
    this.logger.warn({ ...fields, ...cause, keptBack: this.keptBack }, message);
    this.lastAt = now;
    this.keptBack = 0;
  }
}
