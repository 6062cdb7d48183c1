/** Statements of the full size in a row that succeed before a larger one is tried. */
const SUCCESSES_TO_GROW = 16;

/**
 * How many rows one statement takes. A server that is slow, not dead, never ends a large statement
 * within its time limit, but it ends a small one: so each that ran out of time halves the size, down
 * to one row, and a row of successes doubles it.
 */
export class StatementSize {
  private size: number;
  private successes = 0;

  constructor(private readonly largest: number) {
    this.size = largest;
  }

  get rows(): number {
    return this.size;
  }

  succeeded(rows: number): void {
    // Halves of a batch are seldom of just this size; a small batch says nothing.
    if (this.size === this.largest || 2 * rows < this.size) return;
    this.successes += 1;
    if (this.successes < SUCCESSES_TO_GROW) return;
    this.successes = 0;
    this.size = Math.min(this.largest, 2 * this.size);
  }

  /** A statement of so many rows did not end in time. Several side by side halve it once. */
  tooSlow(rows: number): void {
    this.successes = 0;
    this.size = Math.max(1, Math.min(this.size, rows >> 1));
  }
}
