import { METRICS } from '@event-pipeline/telemetry';
import { type Bucket, MetricsText } from './metrics-text';

/** The queue's own counts, as a worker shows them: they outlive every process. */
export interface QueueFigures {
  readonly processed: number;
  readonly dead: number;
  /** Pending, leased, suspect or waiting for a retry. */
  readonly left: number;
  /** Of those left, the ones that wait for a retry. */
  readonly delayed: number;
  /** Of the events received before this worker started: those it has processed, or made dead letters. */
  readonly earlierProcessed: number;
  readonly earlierDead: number;
  /** Put into the store by this worker. */
  readonly stored: number;
  /** Of those it was to store, the ones whose id was stored already. */
  readonly storedBefore: number;
  /** The worker's times from the receipt of an event to the end of its processing, in seconds. */
  readonly endToEnd: readonly Bucket[];
}

/** Undefined where the worker could not read the queue when it was asked. */
export function readQueueFigures(page: string): QueueFigures | undefined {
  const metrics = new MetricsText(page);
  const processed = metrics.sum(METRICS.queueProcessed.name);
  const inState = (state: string) => metrics.sum(METRICS.queueEvents.name, { state });
  const dead = inState('dead');
  if (processed === undefined || dead === undefined) return undefined;
  const delayed = inState('delayed') ?? 0;
  const earlier = (outcome: string) => metrics.sum(METRICS.earlierEvents.name, { outcome }) ?? 0;
  const left =
    (inState('pending') ?? 0) + (inState('suspect') ?? 0) + (inState('leased') ?? 0) + delayed;
  return {
    processed,
    dead,
    left,
    delayed,
    earlierProcessed: earlier('processed'),
    // Leases that ran out were taken by workers before this one: the quick start has no second one.
    earlierDead:
      earlier('dead') + (metrics.sum(METRICS.eventsDead.name, { reason: 'crashed-worker' }) ?? 0),
    stored: metrics.sum(METRICS.eventsStored.name) ?? 0,
    storedBefore:
      (metrics.sum(METRICS.eventsStoredBefore.name) ?? 0) +
      (metrics.sum(METRICS.storeConflicts.name) ?? 0),
    endToEnd: metrics.buckets(METRICS.endToEndSeconds.name),
  };
}
