import type { Clock, PipelineError } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';

/** What {@link SinkOutage.pass} answers where no lease may be taken. */
export const HELD_OFF = Symbol('held off');

/** A reason that changes is logged at most so often. */
const CHANGE_PERIOD_MS = 60_000;

interface Outage {
  readonly since: number;
  /** The newest: a server that is back may lack its database. */
  reason: string;
  loggedReason: string;
  changeLoggedAt: number;
  readonly over: AbortController;
}

/**
 * Whether the sink can be reached, as all loops of a consumer see it together: one log line when it
 * goes and one when it is back, and a gate that holds the loops off meanwhile.
 *
 * The leases in hand ask the sink again and again, so the gate stays shut while one does. Where none
 * is left, because they were lost or given back, one loop at a time may take a lease: its events ask.
 * Where there are none, {@link SinkCheck} does.
 */
export class SinkOutage {
  private current: Outage | undefined;
  private asking = 0;
  private probing = false;
  private held: (() => void)[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly onChange: (outOfReach: boolean) => void,
  ) {}

  /** Why no lease is taken; undefined while the sink can be reached. */
  get reason(): string | undefined {
    if (this.current === undefined) return undefined;
    const seconds = Math.round((this.clock.monotonic() - this.current.since) / 1_000);
    return `the store has been out of reach for ${seconds} s: ${this.current.reason}`;
  }

  /** To be called at each failed call of the sink. Returns a signal that aborts when it is back. */
  began(error: PipelineError): AbortSignal {
    const reason = error.message;
    if (this.current !== undefined) {
      this.stillFor(reason, this.current);
      return this.current.over.signal;
    }
    const since = this.clock.monotonic();
    const over = new AbortController();
    this.current = { since, reason, loggedReason: reason, changeLoggedAt: -Infinity, over };
    this.logger.warn(
      { reason },
      'the store is out of reach; no further events are taken until it is back',
    );
    this.onChange(true);
    this.wakeHeld();
    return over.signal;
  }

  /** To be called at each call of the sink that it answered. */
  over(): void {
    if (this.current === undefined) return;
    const { since, over } = this.current;
    this.current = undefined;
    this.logger.info(
      { ms: Math.round(this.clock.monotonic() - since) },
      'the store can be reached again',
    );
    this.onChange(false);
    over.abort();
    this.wakeHeld();
  }

  /** A lease in hand begins to ask the sink again and again; returns what ends that. */
  asks(): () => void {
    this.asking++;
    return () => {
      this.asking--;
      this.wakeHeld();
    };
  }

  /** Resolves when a lease may perhaps be taken, or when the signal aborts. */
  untilPassable(signal: AbortSignal): Promise<void> {
    return this.until(() => !this.isShut, signal);
  }

  /** Whether the sink is out of reach and no lease in hand asks whether it is back. */
  get isUnasked(): boolean {
    return this.current !== undefined && this.asking === 0;
  }

  /** Differs from outage to outage. */
  get sign(): unknown {
    return this.current?.over;
  }

  /** Resolves when {@link isUnasked}, or when the signal aborts. */
  untilUnasked(signal: AbortSignal): Promise<void> {
    return this.until(() => this.isUnasked, signal);
  }

  /** Does the work, which takes a lease, where one may be taken. */
  async pass<T>(work: () => Promise<T>): Promise<T | typeof HELD_OFF> {
    if (this.current === undefined) return work();
    if (this.isShut) return HELD_OFF;
    this.probing = true;
    try {
      return await work();
    } finally {
      this.probing = false;
      this.wakeHeld();
    }
  }

  private get isShut(): boolean {
    return this.current !== undefined && (this.asking > 0 || this.probing);
  }

  private stillFor(reason: string, outage: Outage): void {
    outage.reason = reason;
    const now = this.clock.monotonic();
    if (reason === outage.loggedReason || now - outage.changeLoggedAt < CHANGE_PERIOD_MS) return;
    outage.loggedReason = reason;
    outage.changeLoggedAt = now;
    this.logger.warn({ reason }, 'the store is out of reach for another reason now');
  }

  private async until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    while (!condition() && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.held.push(wake);
        signal.addEventListener('abort', wake, { once: true });
      });
    }
  }

  private wakeHeld(): void {
    const woken = this.held;
    this.held = [];
    for (const wake of woken) wake();
  }
}
