import { PipelineError, type Clock } from '@event-pipeline/runtime';

/** How long a queue that does not answer is asked again: longer than a failover takes. */
const PATIENCE_MS = 30_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Repeats a call that may be repeated while the queue does not answer (a failover, a slot that moves),
 * for up to 30 s, or until the signal aborts.
 */
export async function patiently<T>(
  call: () => Promise<T>,
  clock: Clock,
  signal: AbortSignal,
): Promise<T> {
  const end = clock.monotonic() + PATIENCE_MS;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      return await call();
    } catch (error) {
      const { code } = PipelineError.from(error);
      if (code !== 'QUEUE_UNAVAILABLE' || signal.aborted || clock.monotonic() > end) throw error;
    }
    await clock.sleep(pause, signal);
  }
}
