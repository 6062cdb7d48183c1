import type { Clock } from '@event-pipeline/runtime';

/** Saves the making of an exception with its stack for each lease. */
const STOPPED = 'stopped';

interface Watched {
  readonly deadline: number;
  readonly onLate: () => void;
}

/**
 * A time limit for calls that follow one another. One timer serves many short calls, so that a call
 * costs no timer of its own.
 */
export class CallWatch {
  private current: Watched | undefined;
  private timer: { readonly at: number; readonly stop: AbortController } | undefined;

  constructor(private readonly clock: Clock) {}

  /** Calls `onLate` after the limit, unless {@link end} is called first with what this returns. */
  begin(limitMs: number, onLate: () => void): Watched {
    const watched = { deadline: this.clock.monotonic() + limitMs, onLate };
    this.current = watched;
    if (this.timer === undefined || this.timer.at > watched.deadline)
      this.setTimer(watched.deadline);
    return watched;
  }

  end(watched: Watched): void {
    if (this.current === watched) this.current = undefined;
  }

  /** Ends the timer. */
  close(): void {
    this.current = undefined;
    this.timer?.stop.abort(STOPPED);
    this.timer = undefined;
  }

  private setTimer(at: number): void {
    this.timer?.stop.abort(STOPPED);
    const stop = new AbortController();
    this.timer = { at, stop };
    void this.clock.sleep(at - this.clock.monotonic(), stop.signal).then(() => {
      if (!stop.signal.aborted) this.ring();
    });
  }

  private ring(): void {
    this.timer = undefined;
    const { current } = this;
    if (current === undefined) return;
    if (this.clock.monotonic() < current.deadline) return this.setTimer(current.deadline);
    this.current = undefined;
    current.onLate();
  }
}
