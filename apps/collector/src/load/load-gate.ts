import {
  PipelineError,
  type Clock,
  type Component,
  type FlowController,
} from '@event-pipeline/runtime';
import { LOOP_DELAY_INTERVAL_MS } from '@event-pipeline/telemetry';

/** What the process needs at one moment. */
export interface LoadSample {
  /** Memory that is resident, bytes. */
  readonly residentBytes: number;
  /** Of the heap what lives longer than a moment, bytes. */
  readonly heapBytes: number;
  /** How long the event loop kept what was due waiting, at most since the last sample, ms. */
  readonly loopDelayMs: number;
}

/** Where the samples come from. */
export interface LoadMeasure {
  sample(): LoadSample;
  /** Collects all garbage and gives back what that frees; blocks meanwhile. */
  collect(): void;
  close(): void;
}

export interface LoadLimits {
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly loopDelayMs: number;
}

/** Why load is shed: values of the label `reason`. */
export const LOAD_REASONS = ['memory', 'heap', 'event-loop'] as const;
export type LoadReason = (typeof LOAD_REASONS)[number];

/** Told what the gate sees and does; implemented by metrics and the log. Must not throw. */
export interface LoadObserver {
  sampled(sample: LoadSample): void;
  /** At the start: the limit leaves no room for events. */
  limitTooLow(problem: string): void;
  /** Shedding began, with why in words. */
  closed(reason: LoadReason, problem: string): void;
  opened(reason: LoadReason): void;
  /** Calls, and streams that had waited, were refused. */
  refused(reason: LoadReason, count: number): void;
}

/** Between two samples, ms: memory can grow by some tens of MiB meanwhile, which the limits leave room for. */
export const SAMPLE_INTERVAL_MS = LOOP_DELAY_INTERVAL_MS;
/**
 * How long streams are only kept waiting, ms; then they are refused, since what they have sent so far
 * stays in memory as long as they wait.
 */
export const BACK_PRESSURE_MS = 2_000;
/** Between two collections while load is shed for memory and nothing is in flight, ms. */
export const COLLECT_INTERVAL_MS = 5_000;
/**
 * Intake opens again below this part of the limit that closed it, so that it does not flutter. Of the
 * memory only that counts which the process did not have at its start: that part never falls.
 */
const REOPEN_AT = { memory: 0.9, heap: 0.9, 'event-loop': 0.5 } as const;

interface Closed {
  readonly reason: LoadReason;
  readonly since: number;
  readonly problem: string;
  readonly error: PipelineError;
}

/**
 * Takes no more in while the process is short of memory or of time: a refusal costs a producer a
 * moment, a process that dies costs all of them their connections.
 *
 * Calls are refused at once. Streams are no longer read at first, and refused where that does not help
 * within {@link BACK_PRESSURE_MS}. What was taken goes on. While nothing is in flight a single request
 * passes at a time: then it is not the events that need the memory, and refusing would never end. An
 * idle process collects no garbage by itself, so the gate does it then, and opens below the limit.
 */
export class LoadGate implements Component {
  readonly name = 'load-gate';
  private readonly ended = new AbortController();
  private sampling: Promise<void> = Promise.resolve();
  private shut: Closed | undefined;
  /** Resident at the start, bytes. */
  private baseline = 0;
  private collectedAt = -Infinity;

  constructor(
    private readonly load: LoadMeasure,
    private readonly limits: LoadLimits,
    private readonly flow: FlowController,
    private readonly clock: Clock,
    private readonly observer: LoadObserver,
  ) {}

  /** Why new events are refused, in words; undefined while they are taken. */
  get problem(): string | undefined {
    return this.shut?.problem;
  }

  start(): Promise<void> {
    this.baseline = this.load.sample().residentBytes;
    if (this.baseline >= this.limits.residentBytes) {
      const [has, limit] = [mib(this.baseline), mib(this.limits.residentBytes)];
      this.observer.limitTooLow(
        `COLLECTOR_MEMORY_LIMIT_BYTES is ${limit}, and this process has ${has} before its first event: ` +
          'with anything in flight, new events are refused; set it higher, to twice that or more',
      );
    }
    this.sampling = this.sample();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.ended.abort();
    await this.sampling;
    this.load.close();
    this.open();
  }

  /** @throws PipelineError OVERLOADED while load is shed, for a call that would be new */
  check(): void {
    if (!this.shut || this.isIdle()) return;
    this.observer.refused(this.shut.reason, 1);
    throw this.shut.error;
  }

  private async sample(): Promise<void> {
    const { signal } = this.ended;
    for (;;) {
      await this.clock.sleep(SAMPLE_INTERVAL_MS, signal);
      if (signal.aborted) return;
      this.judge(this.load.sample());
    }
  }

  private isIdle(): boolean {
    return this.flow.events === 0 && this.flow.bytes === 0;
  }

  private judge(measured: LoadSample): void {
    this.observer.sampled(measured);
    const now = this.clock.monotonic();
    let sample = measured;
    if (this.shut && this.shut.reason !== 'event-loop' && this.isIdle()) {
      if (now - this.collectedAt >= COLLECT_INTERVAL_MS) {
        this.load.collect();
        this.collectedAt = this.clock.monotonic();
        sample = this.load.sample();
      }
      // Nothing will fall further.
      if (LOAD_REASONS.every((one) => this.share(one, sample) < 1)) this.open();
    }
    if (!this.shut) {
      const reason = LOAD_REASONS.find((one) => this.share(one, sample) > 1);
      if (reason !== undefined) this.close(reason, sample, now);
    } else if (LOAD_REASONS.every((one) => this.isWellBelow(one, sample))) {
      this.open();
    } else if (now - this.shut.since >= BACK_PRESSURE_MS) {
      const refused = this.flow.refuseWaiting(this.shut.error);
      if (refused > 0) this.observer.refused(this.shut.reason, refused);
    }
  }

  /** Which part of its limit is used; above 1 it is exceeded. */
  private share(reason: LoadReason, sample: LoadSample): number {
    const { limits } = this;
    if (reason === 'memory') return sample.residentBytes / limits.residentBytes;
    if (reason === 'heap') return sample.heapBytes / limits.heapBytes;
    return sample.loopDelayMs / limits.loopDelayMs;
  }

  private isWellBelow(reason: LoadReason, sample: LoadSample): boolean {
    if (reason !== 'memory') return this.share(reason, sample) < REOPEN_AT[reason];
    const baseline = Math.min(this.baseline, this.limits.residentBytes);
    const room = this.limits.residentBytes - baseline;
    return sample.residentBytes < baseline + REOPEN_AT.memory * room;
  }

  private close(reason: LoadReason, sample: LoadSample, now: number): void {
    const error = new PipelineError('OVERLOADED', MESSAGES[reason]);
    const problem = problemOf(reason, sample, this.limits);
    this.shut = { reason, since: now, problem, error };
    this.flow.suspend();
    this.observer.closed(reason, problem);
  }

  private open(): void {
    if (!this.shut) return;
    const { reason } = this.shut;
    this.shut = undefined;
    this.flow.resume();
    this.observer.opened(reason);
  }
}

/** For clients: they need not know how much this process has. */
const MESSAGES: Readonly<Record<LoadReason, string>> = {
  memory: 'this collector is short of memory; try again',
  heap: 'this collector is short of memory; try again',
  'event-loop': 'this collector is too busy; try again',
};

const mib = (bytes: number) => `${Math.round(bytes / 1_048_576)} MiB`;

function problemOf(reason: LoadReason, sample: LoadSample, limits: LoadLimits): string {
  switch (reason) {
    case 'memory':
      return `${mib(sample.residentBytes)} are resident, of ${mib(limits.residentBytes)} that may be (COLLECTOR_MEMORY_LIMIT_BYTES)`;
    case 'heap':
      return `the heap holds ${mib(sample.heapBytes)}, of ${mib(limits.heapBytes)} that it may (--max-old-space-size)`;
    case 'event-loop':
      return `the event loop is ${Math.round(sample.loopDelayMs)} ms late, of ${limits.loopDelayMs} ms that it may be (COLLECTOR_MAX_LOOP_DELAY_MS)`;
  }
}
