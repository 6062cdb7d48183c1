import type { Clock, Random } from '@event-pipeline/runtime';

/** Failures in a row, of events that had not failed before, after which a handler is paused. */
export const FAILURES_TO_PAUSE = 10;
/** As so many failures counts a call that did not end in time: each one holds a loop up for long. */
const TIMEOUT_WEIGHT = 3;
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 15_000;
/** A paused handler may take up at most a fifth of the time of one loop. */
const PAUSE_PER_CALL_MS = 4;
const MAX_PAUSE_FOR_SLOW_CALLS_MS = 5 * 60_000;

/** `probe`: the one event that is tried while a handler is paused. */
export type Admission = 'run' | 'probe' | 'defer';

export interface FailedCall {
  /** Whether an event of it had never failed before. */
  readonly fresh: boolean;
  readonly timedOut: boolean;
  readonly ms: number;
  /** What was thrown. */
  readonly error?: unknown;
}

/**
 * Pauses a handler that fails again and again, so that it holds up no other handler and spends no
 * attempts of its events on a fault of its own: they are deferred, and single ones are tried with
 * growing pauses. The first that succeeds ends it.
 *
 * An event that failed before says little about its handler, so it does not count towards a pause:
 * a few bad events that come again and again do not stop their healthy neighbours. For the same
 * reason it is tried in a pause only where no fresh one has come for as long as the pause; what is
 * deferred comes again within that time. Such a try that fails does make the pause longer, as there
 * is nothing better to go by and each one spends an attempt; that keeps no fresh event waiting beyond
 * the next pause, which is bounded. An error that calls itself permanent says nothing at all: that is
 * the event's fault.
 */
export class HandlerBreaker {
  private failures = 0;
  private pausedSince: number | undefined;
  private pauseMs = 0;
  private probeAt = 0;
  private probing = false;

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    /** Told how long a pause was when it ends, and what was thrown last when it begins. */
    private readonly onChange: (paused: boolean, ms: number, error?: unknown) => void,
  ) {}

  /**
   * What is to be done with an event now. After `run` and `probe` one of the methods below is due.
   *
   * @param fresh whether it never failed before
   */
  admit(fresh: boolean): Admission {
    if (this.pausedSince === undefined) return 'run';
    const from = fresh ? this.probeAt : this.probeAt + this.pauseMs;
    if (this.probing || this.clock.monotonic() < from) return 'defer';
    this.probing = true;
    return 'probe';
  }

  /** How long to put an event off: until the next one may be tried, and up to a pause longer. */
  deferMs(): number {
    const untilProbe = Math.max(0, this.probeAt - this.clock.monotonic());
    return Math.ceil(untilProbe + this.random.next() * this.pauseMs);
  }

  succeeded(admission: Admission): void {
    if (admission === 'probe') this.probing = false;
    this.failures = 0;
    if (this.pausedSince === undefined) return;
    const ms = this.clock.monotonic() - this.pausedSince;
    this.pausedSince = undefined;
    this.onChange(false, ms);
  }

  failed(admission: Admission, { fresh, timedOut, ms, error }: FailedCall): void {
    if (this.pausedSince !== undefined) {
      // What began before the pause says nothing about now.
      if (admission === 'probe') this.pause(Math.min(2 * this.pauseMs, MAX_PAUSE_MS), ms);
      return;
    }
    if (admission === 'probe') this.probing = false;
    if (fresh) this.failures += timedOut ? TIMEOUT_WEIGHT : 1;
    if (this.failures < FAILURES_TO_PAUSE) return;
    this.pausedSince = this.clock.monotonic();
    this.pause(FIRST_PAUSE_MS, ms);
    this.onChange(true, 0, error);
  }

  /** The call ended in a way that says nothing about the handler. */
  undecided(admission: Admission): void {
    if (admission === 'probe') this.probing = false;
  }

  private pause(ms: number, callMs: number): void {
    const forSlowCalls = Math.min(PAUSE_PER_CALL_MS * callMs, MAX_PAUSE_FOR_SLOW_CALLS_MS);
    this.probing = false;
    this.pauseMs = ms;
    const jittered = (ms / 2) * (1 + this.random.next());
    this.probeAt = this.clock.monotonic() + Math.max(jittered, forSlowCalls);
  }
}
