import type { Clock } from '@event-pipeline/runtime';

const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 50;

export interface Sight {
  /** Changes whenever there may be something new to receive. */
  readonly wakeups: number;
  /** Whether a receive would find something now. */
  readonly ready: boolean;
}

/**
 * Waits for events of one partition by looking at it, at growing distances: nobody has to be told,
 * so nothing is lost with a process that dies.
 *
 * What counts is whether something came since the last receive that found nothing, not since the
 * wait began: what comes in between ends the wait at once.
 */
export class EventWatch {
  /** The wake-up number at which a receive found nothing; undefined while events may be left. */
  private emptyAt: number | undefined;

  constructor(
    private readonly look: () => Sight,
    private readonly clock: Clock,
  ) {}

  foundNothing(wakeups: number): void {
    this.emptyAt = wakeups;
  }

  foundSomething(): void {
    this.emptyAt = undefined;
  }

  /** Resolves too when `isOver` says so; never rejects. */
  async wait(maxWaitMs: number, signal: AbortSignal, isOver: () => boolean): Promise<void> {
    const end = this.clock.monotonic() + maxWaitMs;
    let pause = FIRST_PAUSE_MS;
    while (!signal.aborted && !isOver() && !this.hasNews()) {
      const left = end - this.clock.monotonic();
      if (left <= 0) return;
      await this.clock.sleep(Math.min(pause, left), signal);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }

  private hasNews(): boolean {
    try {
      const { wakeups, ready } = this.look();
      if (ready || (this.emptyAt !== undefined && this.emptyAt !== wakeups)) return true;
      this.emptyAt = wakeups;
      return false;
    } catch {
      // A wait is only a hint: the caller looks for itself, and learns there why nothing comes.
      return false;
    }
  }
}
