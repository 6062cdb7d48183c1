/**
 * Lets work run side by side, or one piece of it with nothing beside it. While an exclusive piece
 * waits, no new shared one begins; it runs when those in hand have ended, or gives up when they take
 * too long. Exclusive pieces wait for one another in their order.
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

  /**
   * Not from within shared work: it would wait for itself.
   *
   * @param patience resolves when shared work has been held off for long enough
   * @returns undefined when patience was over first; the work has not begun then
   */
  async runExclusive<T>(work: () => Promise<T>, patience: Promise<void>): Promise<T | undefined> {
    let begin: () => void = () => undefined;
    const turn = new Promise<'turn'>((resolve) => {
      begin = () => resolve('turn');
    });
    this.waitingExclusive.push(begin);
    this.passOn();
    const first = await Promise.race([turn, patience.then(() => 'over' as const)]);
    const waitsStill = this.waitingExclusive.indexOf(begin);
    if (first === 'over' && waitsStill !== -1) {
      this.waitingExclusive.splice(waitsStill, 1);
      this.passOn();
      return undefined;
    }
    try {
      return await work();
    } finally {
      this.exclusive = false;
      this.passOn();
    }
  }

  private passOn(): void {
    if (this.exclusive) return;
    if (this.waitingExclusive.length > 0) {
      if (this.shared > 0) return;
      this.exclusive = true;
      this.waitingExclusive.shift()?.();
      return;
    }
    const woken = this.waitingShared;
    this.waitingShared = [];
    for (const wake of woken) wake();
  }
}
