import type { Clock } from '@event-pipeline/runtime';

/** When the loops of a consumer last made a turn, whatever came of it. */
export class Heartbeat {
  private lastAt: number;

  constructor(private readonly clock: Clock) {
    this.lastAt = clock.monotonic();
  }

  beat(): void {
    this.lastAt = this.clock.monotonic();
  }

  /** Milliseconds since the last beat. */
  get age(): number {
    return this.clock.monotonic() - this.lastAt;
  }
}
