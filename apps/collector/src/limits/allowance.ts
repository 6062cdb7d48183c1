const MINUTE_MS = 60_000;

/**
 * How often something may happen: `perMinute` times at once, and as often in each minute that follows.
 * What was not used is not saved beyond that.
 */
export class Allowance {
  private left: number;
  private at: number;

  constructor(
    private readonly perMinute: number,
    now: number,
  ) {
    this.left = perMinute;
    this.at = now;
  }

  /** Takes one; false where none is left. */
  take(now: number): boolean {
    const earned = ((now - this.at) / MINUTE_MS) * this.perMinute;
    this.left = Math.min(this.perMinute, this.left + earned);
    this.at = now;
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }

  refill(): void {
    this.left = this.perMinute;
  }
}
