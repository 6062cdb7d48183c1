import type { Clock } from '@event-pipeline/runtime';

/** Saves the making of an exception with its stack for each timer. */
const STOPPED = 'stopped';
/** Timers of Node end at once where they are set for longer than 2^31 - 1 ms. */
const MAX_SLEEP_MS = 2 ** 31 - 1;

/** Calls of which at most one runs at a time. */
export interface WatchedCalls {
  /** Monotonic time at which the running call is late; Infinity while none runs. */
  readonly deadline: number;
  /** The deadline has passed. It is another one when this returns. Must not throw. */
  late(): void;
}

/**
 * The time limits of all calls of a consumer, by one timer. It rings at the earliest deadline that
 * it knew of when it was set, looks who is late by then, and is set for the next deadline. Nobody
 * stops it when a call ends in time, so a call costs no timer of its own, nor does a lease.
 */
export class CallWatch {
  private readonly watched = new Set<WatchedCalls>();
  private timer: AbortController | undefined;
  private ringsAt = Infinity;
  private closed = false;

  constructor(private readonly clock: Clock) {}

  add(calls: WatchedCalls): void {
    this.watched.add(calls);
  }

  remove(calls: WatchedCalls): void {
    this.watched.delete(calls);
  }

  /** To be called when one of the watched has a new deadline. */
  expect(deadline: number): void {
    if (deadline < this.ringsAt) this.setTimer(deadline);
  }

  /** Ends the timer: nobody is told any more. Final. */
  close(): void {
    this.closed = true;
    this.timer?.abort(STOPPED);
    this.watched.clear();
  }

  private setTimer(at: number): void {
    if (this.closed) return;
    this.timer?.abort(STOPPED);
    const timer = new AbortController();
    this.timer = timer;
    this.ringsAt = at;
    const ms = Math.max(0, at - this.clock.monotonic());
    void this.clock.sleep(Math.min(ms, MAX_SLEEP_MS), timer.signal).then(() => {
      if (!timer.signal.aborted) this.ring();
    });
  }

  private ring(): void {
    this.ringsAt = Infinity;
    const now = this.clock.monotonic();
    let next = Infinity;
    for (const calls of this.watched) {
      if (calls.deadline <= now) calls.late();
      next = Math.min(next, calls.deadline);
    }
    this.expect(next);
  }
}
