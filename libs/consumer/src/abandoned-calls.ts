/** Calls of one handler that may hang abandoned before it gets no further events. */
export const MAX_ABANDONED_CALLS = 32;

/**
 * The calls of one handler that did not end in time and are no longer waited for. Each holds its
 * events and whatever it waits for in memory until it ends, so there is a limit.
 */
export class AbandonedCalls {
  private held = 0;

  /** @param onChange told after each change; `becameFull` where that made it too many */
  constructor(private readonly onChange: (held: number, becameFull: boolean) => void) {}

  get count(): number {
    return this.held;
  }

  get isFull(): boolean {
    return this.held >= MAX_ABANDONED_CALLS;
  }

  /** @param call what it comes to changes nothing any more, be it an error */
  add(call: Promise<unknown>): void {
    this.held++;
    this.onChange(this.held, this.held === MAX_ABANDONED_CALLS);
    const ended = () => this.onChange(--this.held, false);
    call.then(ended, ended);
  }
}
