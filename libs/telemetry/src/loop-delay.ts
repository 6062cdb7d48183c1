import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock, Component } from '@event-pipeline/runtime';

/** Between two samples, ms. */
export const LOOP_DELAY_INTERVAL_MS = 100;
/** How finely the delay of the event loop is measured, ms: one timer each. */
const RESOLUTION_MS = 20;

/** Measures how long the event loop keeps waiting what is due. `close` ends the timer it needs. */
export class LoopDelay {
  private readonly loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private sampledAt: number | undefined;

  constructor(private readonly clock: Clock) {
    this.loop.enable();
  }

  /** The longest delay since the last sample, ms. To be called every {@link LOOP_DELAY_INTERVAL_MS}. */
  sample(): number {
    const { max } = this.loop;
    // It forgets when its timer came last, too, and so misses what begins within the next 20 ms: how
    // late this sample is tells of that.
    this.loop.reset();
    const now = this.clock.monotonic();
    const late = now - (this.sampledAt ?? now) - LOOP_DELAY_INTERVAL_MS;
    this.sampledAt = now;
    // What it tells is when its timer came, the period of that included.
    return Math.max(0, late, max / 1e6 - RESOLUTION_MS);
  }

  close(): void {
    this.loop.disable();
  }
}

/** Samples the delay for a metric, from its start to its stop. */
export class LoopDelayDuty implements Component {
  readonly name = 'loop-delay';
  private readonly ended = new AbortController();
  private sampling: Promise<void> = Promise.resolve();

  /** @param observe is given the longest delay of each interval, in seconds; must not throw */
  constructor(
    private readonly clock: Clock,
    private readonly observe: (seconds: number) => void,
  ) {}

  start(): Promise<void> {
    this.sampling = this.sample();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.ended.abort();
    await this.sampling;
  }

  private async sample(): Promise<void> {
    const { signal } = this.ended;
    if (signal.aborted) return;
    const delay = new LoopDelay(this.clock);
    for (;;) {
      await this.clock.sleep(LOOP_DELAY_INTERVAL_MS, signal);
      if (signal.aborted) return delay.close();
      this.observe(delay.sample() / 1_000);
    }
  }
}
