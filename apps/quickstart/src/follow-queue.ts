import type { Clock } from '@event-pipeline/runtime';
import { get } from './http-client';
import { type QueueFigures, readQueueFigures } from './queue-figures';

const POLL_MS = 20;
/** Without any progress for this long, waiting on is of no use. */
const STALL_LIMIT_MS = 60_000;
const WAITING_EVERY_MS = 10_000;

export interface FollowOptions {
  /** The worker's /metrics. */
  readonly url: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onFigures?: (figures: QueueFigures) => void;
  /** Called each time nothing has moved for a while. */
  readonly onWaiting?: (figures: QueueFigures) => void;
}

/**
 * Reads the queue's figures again and again until `done` holds, nothing has moved for a minute, or
 * the signal aborts; resolves to the last ones, undefined where there were none.
 */
export async function followQueue(
  done: (figures: QueueFigures) => boolean,
  { url, clock, signal, onFigures, onWaiting }: FollowOptions,
): Promise<QueueFigures | undefined> {
  let latest: QueueFigures | undefined;
  let movedAt = clock.monotonic();
  let toldAt = movedAt;
  while (!signal.aborted) {
    const figures = await readFigures(url);
    if (figures !== undefined) {
      const moved = figures.processed !== latest?.processed || figures.dead !== latest.dead;
      if (moved) movedAt = toldAt = clock.monotonic();
      latest = figures;
      onFigures?.(figures);
      if (done(figures)) break;
      if (clock.monotonic() - toldAt > WAITING_EVERY_MS) {
        toldAt = clock.monotonic();
        onWaiting?.(figures);
      }
    }
    if (clock.monotonic() - movedAt > STALL_LIMIT_MS) break;
    await clock.sleep(POLL_MS, signal);
  }
  return latest;
}

/** Undefined while the worker does not answer or cannot read the queue. */
export async function readFigures(url: string): Promise<QueueFigures | undefined> {
  try {
    return readQueueFigures((await get(url)).body);
  } catch {
    return undefined;
  }
}
