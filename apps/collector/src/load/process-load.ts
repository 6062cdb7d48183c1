import { totalmem } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { containerMemoryLimit, type Clock } from '@event-pipeline/runtime';
import {
  SAMPLE_INTERVAL_MS,
  type LoadLimits,
  type LoadMeasure,
  type LoadSample,
} from './load-gate';

/** How finely the delay of the event loop is measured, ms: one timer each. */
const RESOLUTION_MS = 20;
/** What intake may use of what there is; the rest is for what grows between two samples. */
const USABLE = 0.8;
/** V8 counts the young generation, three semi-spaces of 16 MiB by default, into its heap limit. */
const YOUNG_GENERATION_BYTES = 48 * 1_048_576;

/**
 * The limits of this process.
 *
 * @param memoryLimitBytes undefined: four fifths of what the container or the machine has
 */
export function processLimits(
  memoryLimitBytes: number | undefined,
  loopDelayMs: number,
): LoadLimits {
  return {
    residentBytes: memoryLimitBytes ?? USABLE * availableBytes(),
    heapBytes: USABLE * (getHeapStatistics().heap_size_limit - YOUNG_GENERATION_BYTES),
    loopDelayMs,
  };
}

/** The limit of the container (its cgroup) where there is one, else the memory of the machine. */
function availableBytes(): number {
  return containerMemoryLimit() ?? totalmem();
}

/** Measures this process; `close` ends the timer that it needs. */
export class ProcessLoad implements LoadMeasure {
  private readonly loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  private sampledAt: number | undefined;

  constructor(private readonly clock: Clock) {
    this.loop.enable();
  }

  /** To be called every {@link SAMPLE_INTERVAL_MS}. Costs some tens of microseconds. */
  sample(): LoadSample {
    const { max } = this.loop;
    // It forgets when its timer came last, too, and so misses what begins within the next 20 ms: how
    // late this sample is tells of that.
    this.loop.reset();
    const now = this.clock.monotonic();
    const late = now - (this.sampledAt ?? now) - SAMPLE_INTERVAL_MS;
    this.sampledAt = now;
    return {
      residentBytes: process.memoryUsage.rss(),
      heapBytes: oldGenerationBytes(),
      // What it tells is when its timer came, the period of that included.
      loopDelayMs: Math.max(0, late, max / 1e6 - RESOLUTION_MS),
    };
  }

  collect(): void {
    // Node offers the collector to programs that were started with this flag, and to new contexts.
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
  }

  close(): void {
    this.loop.disable();
  }
}

/** Without the young generation: what is in it is mostly garbage a moment later. */
function oldGenerationBytes(): number {
  return getHeapSpaceStatistics().reduce(
    (sum, { space_name: name, space_used_size: used }) =>
      name.startsWith('new_') ? sum : sum + used,
    0,
  );
}
