/**
 * Lets work run side by side, or one piece of it with nothing beside it. Once an exclusive piece
 * waits, no new shared one begins; it runs when those in hand have ended. Exclusive pieces wait for
 * one another in their order.
 */
export class IsolationGate {
  private shared = 0;
  private exclusive = false;
  private readonly waitingExclusive: (() => void)[] = [];
  private waitingShared: (() => void)[] = [];

  async runShared<T>(work: () => Promise<T>): Promise<T> {
    while (this.exclusive || this.waitingExclusive.length > 0) {
      await new Promise<void>((resolve) => this.waitingShared.push(resolve));
    }
    this.shared++;
    try {
      return await work();
    } finally {
      this.shared--;
      this.passOn();
    }
  }

  /** Not from within shared work: it would wait for itself. */
  async runExclusive<T>(work: () => Promise<T>): Promise<T> {
    await new Promise<void>((resolve) => {
      this.waitingExclusive.push(resolve);
      this.passOn();
    });
    try {
      return await work();
    } finally {
      this.exclusive = false;
      this.passOn();
    }
  }

  private passOn(): void {
    if (this.exclusive || this.shared > 0) return;
    const next = this.waitingExclusive.shift();
    if (next !== undefined) {
      this.exclusive = true;
      next();
      return;
    }
    const woken = this.waitingShared;
    this.waitingShared = [];
    for (const wake of woken) wake();
  }
}
