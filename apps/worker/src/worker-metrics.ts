import type { StoredEvent } from '@event-pipeline/contracts';
import type { ConsumerObserver } from '@event-pipeline/consumer';
import type { Clock } from '@event-pipeline/runtime';
import type { Metrics } from '@event-pipeline/telemetry';

/** Counts what the consumer does. One pass over a lease when it is settled, nothing per delivery. */
export function workerMetrics(metrics: Metrics, clock: Clock): ConsumerObserver<StoredEvent> {
  const startedAt = clock.now();
  const earlierOf = (events: readonly StoredEvent[]) =>
    events.reduce((count, { receivedAt }) => count + (receivedAt < startedAt ? 1 : 0), 0);
  return {
    onLease: ({ events }) => metrics.leaseEvents.observe(events),
    onSettled: ({ outcome }) => {
      metrics.eventsProcessed.add(outcome.done.length);
      metrics.eventsRetried.add(outcome.retried);
      metrics.eventsDeferred.add(outcome.deferred);
      for (const [reason, count] of Object.entries(outcome.dead)) {
        metrics.eventsDead.add(count, { reason });
      }
      metrics.earlierEvents.add(earlierOf(outcome.done), { outcome: 'processed' });
      metrics.earlierEvents.add(earlierOf(outcome.deadEvents), { outcome: 'dead' });
      const now = clock.now();
      for (const { receivedAt } of outcome.done) {
        // The collector's clock may be ahead of ours.
        metrics.endToEndSeconds.observe(Math.max(0, now - receivedAt) / 1_000);
      }
    },
    onStored: ({ ms }) => metrics.storeSeconds.observe(ms / 1_000),
    onStoreFailed: () => metrics.storeFailures.add(1),
    onSinkOutage: (outOfReach) => metrics.storeOutage.set(outOfReach ? 1 : 0),
    onHandlerPaused: (handler, paused) => metrics.handlerPaused.set(paused ? 1 : 0, { handler }),
    onAbandonedCalls: (handler, calls) => metrics.handlerAbandonedCalls.set(calls, { handler }),
    onLost: ({ reason }) => metrics.leasesLost.add(1, { reason }),
    onReclaimed: (_, { dead }) => {
      if (dead > 0) metrics.eventsDead.add(dead, { reason: 'crashed-worker' });
    },
  };
}
