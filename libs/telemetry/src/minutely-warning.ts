import type { Clock } from '@event-pipeline/runtime';
import type { Logger } from './logger';

const PERIOD_MS = 60_000;

/** Warns of what comes in crowds at most once a minute, with the number of those kept back. */
export class MinutelyWarning {
  private lastAt: number | undefined;
  private keptBack = 0;

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** @param count how many things the warning is about */
  warn(fields: object, message: string, count = 1): void {
    const now = this.clock.monotonic();
    if (this.lastAt !== undefined && now - this.lastAt < PERIOD_MS) {
      this.keptBack += count;
      return;
    }
    this.logger.warn({ ...fields, keptBack: this.keptBack }, message);
    this.lastAt = now;
    this.keptBack = 0;
  }
}
