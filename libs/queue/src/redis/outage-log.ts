import type { Logger } from '@event-pipeline/telemetry';

/**
 * Logs the beginning and the end of an outage, a line each, however many parts of the link fail in
 * between and however often. Silent without a logger.
 */
export class OutageLog {
  private readonly failing = new Set<string | number>();

  /** @param secrets never logged: a server may repeat in its reason what it was sent */
  constructor(
    private readonly place: string,
    private readonly logger: Logger | undefined,
    private readonly secrets: readonly string[],
  ) {}

  begin(part: string | number, reason: string): void {
    if (this.failing.size === 0) {
      this.logger?.warn(
        { redis: this.place, reason: this.masked(reason) },
        `Redis at ${this.place} is not reachable; trying again until it is`,
      );
    }
    this.failing.add(part);
  }

  end(part: string | number): void {
    if (this.failing.delete(part) && this.failing.size === 0) {
      this.logger?.info({ redis: this.place }, 'Redis is reachable again');
    }
  }

  private masked(reason: string): string {
    return this.secrets.reduce((text, secret) => text.replaceAll(secret, '***'), reason);
  }
}
