import { totalmem } from 'node:os';
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { containerMemoryLimit, type Clock } from '@event-pipeline/runtime';
import { LoopDelay } from '@event-pipeline/telemetry';
import type { LoadLimits, LoadMeasure, LoadSample } from './load-gate';

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
  private readonly loop: LoopDelay;

  constructor(clock: Clock) {
    this.loop = new LoopDelay(clock);
  }

  /** To be called every SAMPLE_INTERVAL_MS of the gate. Costs some tens of microseconds. */
  sample(): LoadSample {
    return {
      residentBytes: process.memoryUsage.rss(),
      heapBytes: oldGenerationBytes(),
      loopDelayMs: this.loop.sample(),
    };
  }

  collect(): void {
    // Node offers the collector to programs that were started with this flag, and to new contexts.
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
  }

  close(): void {
    this.loop.close();
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
