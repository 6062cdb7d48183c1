import type { Clock } from '@event-pipeline/runtime';
import type { EventSource, OutgoingEvent } from './event-source';

export interface FeedOptions {
  readonly source: EventSource;
  /** Events per second of all takers together; 0 for as fast as they are taken. */
  readonly rate: number;
  readonly clock: Clock;
  /** Ends the feed: nothing more is handed out. */
  readonly stop: AbortSignal;
}

/** An input that was silent for longer than this does not get the time made up for. */
const IDLE_INPUT_MS = 1_000;

/**
 * Hands a source's events to several connections at the rate wanted. The schedule is open-loop: the
 * n-th event is due at start + n / rate whatever happened to those before it, so a rate does not
 * drift and a collector that stalled gets what it missed as soon as it takes it.
 */
export class EventFeed {
  readonly #source: EventSource;
  readonly #rate: number;
  readonly #clock: Clock;
  readonly #stop: AbortSignal;
  #startedAt: number | undefined;
  #taken = 0;
  #idleSince: number | undefined;

  constructor({ source, rate, clock, stop }: FeedOptions) {
    this.#source = source;
    this.#rate = rate;
    this.#clock = clock;
    this.#stop = stop;
  }

  /** True once nothing more will be handed out. */
  get ended(): boolean {
    return this.#stop.aborted || this.#source.ended;
  }

  /** The next events that are due and at hand; see {@link EventSource.take} for the limits. */
  take(maxEvents: number, maxBytes: number): readonly OutgoingEvent[] {
    if (this.ended) return [];
    if (this.#rate === 0) return this.#source.take(maxEvents, maxBytes);
    const now = this.#clock.monotonic();
    this.#startedAt ??= now;
    const due = Math.min(maxEvents, this.#dueAt(now), this.#idleSince === undefined ? Infinity : 1);
    if (due <= 0) return [];
    const events = this.#source.take(due, maxBytes);
    this.#forgiveIdleness(now, events.length > 0);
    this.#taken += events.length;
    return events;
  }

  /**
   * Resolves when `take` may have something, when the feed has ended, or after `maxMs`, whichever is
   * first; it may resolve for nothing.
   */
  async wait(maxMs: number): Promise<void> {
    if (this.ended) return;
    const dueIn = this.#msUntilDue();
    if (dueIn > 0) return this.#clock.sleep(Math.min(dueIn, maxMs), this.#stop);
    await this.#sourceReady(maxMs);
  }

  /** How many events may be taken now, by the schedule. */
  #dueAt(now: number): number {
    const elapsed = now - (this.#startedAt ?? now);
    return Math.floor((elapsed * this.#rate) / 1_000) + 1 - this.#taken;
  }

  #msUntilDue(): number {
    if (this.#rate === 0 || this.#startedAt === undefined) return 0;
    const dueAt = this.#startedAt + (this.#taken * 1_000) / this.#rate;
    return Math.ceil(dueAt - this.#clock.monotonic());
  }

  /** Moves the schedule by the time in which the input had nothing, where that was long. */
  #forgiveIdleness(now: number, gotSome: boolean): void {
    if (!gotSome) {
      this.#idleSince ??= now;
      return;
    }
    const idle = now - (this.#idleSince ?? now);
    if (idle > IDLE_INPUT_MS && this.#startedAt !== undefined) this.#startedAt += idle;
    this.#idleSince = undefined;
  }

  #sourceReady(maxMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = new AbortController();
      const done = () => {
        timer.abort();
        this.#stop.removeEventListener('abort', done);
        resolve();
      };
      this.#stop.addEventListener('abort', done, { once: true });
      if (Number.isFinite(maxMs)) void this.#clock.sleep(maxMs, timer.signal).then(done);
      void this.#source.whenReady().then(done);
    });
  }
}
