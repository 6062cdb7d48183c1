import { PipelineError, type Clock } from '@event-pipeline/runtime';
import { MinutelyWarning, type Logger } from '@event-pipeline/telemetry';

/** Warns of a repeated error at most once a minute, with the number of those kept back. */
export class RateLimitedWarning {
  private readonly warning: MinutelyWarning;

  constructor(clock: Clock, logger: Logger) {
    this.warning = new MinutelyWarning(clock, logger);
  }

  warn(error: unknown, fields: object, message: string): void {
    // A queue out of reach is no mistake of the program: no stack trace.
    const unavailable = error instanceof PipelineError && error.code === 'QUEUE_UNAVAILABLE';
    const cause = unavailable ? { reason: error.message } : { err: error };
    this.warning.warn({ ...fields, ...cause }, message);
  }
}
