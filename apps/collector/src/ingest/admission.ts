import type { FlowBudget } from '@event-pipeline/runtime';

/** What one batch holds of the budget for events in flight, from its admission to its end. */
export class Admission {
  private released = false;

  /** Of an amount that has been acquired. */
  constructor(
    private readonly flow: FlowBudget,
    private readonly events: number,
    private bytes: number,
  ) {}

  /** Holds more for events whose stored text is longer than what came. Never waits. */
  grow(bytes: number): void {
    this.flow.grow(bytes);
    this.bytes += bytes;
  }

  /** Gives everything back; safe to call twice. */
  release(): void {
    if (this.released) return;
    this.released = true;
    this.flow.release(this.events, this.bytes);
  }
}
