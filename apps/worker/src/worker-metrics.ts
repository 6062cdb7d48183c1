import type { StoredEvent } from '@event-pipeline/contracts';
import type { ConsumerObserver, LostLease } from '@event-pipeline/consumer';
import { DEAD_REASONS } from '@event-pipeline/queue';
import type { Clock } from '@event-pipeline/runtime';
import type { Metrics } from '@event-pipeline/telemetry';

const LOSSES: Readonly<Record<LostLease['reason'], true>> = {
  refused: true,
  'deadline-passed': true,
  lost: true,
  ambiguous: true,
  unavailable: true,
  failed: true,
};

/** Counts what the consumer does. One pass over a lease when it is settled, nothing per delivery. */
export function workerMetrics(metrics: Metrics, clock: Clock): ConsumerObserver<StoredEvent> {
  const startedAt = clock.now();
  const earlierOf = (events: readonly StoredEvent[]) =>
    events.reduce((count, { receivedAt }) => count + (receivedAt < startedAt ? 1 : 0), 0);
  // A series that begins at 0 shows its first event as growth.
  for (const reason of DEAD_REASONS) metrics.eventsDead.add(0, { reason });
  for (const reason of Object.keys(LOSSES)) metrics.leasesLost.add(0, { reason });
  for (const outcome of ['processed', 'dead']) metrics.earlierEvents.add(0, { outcome });
  return {
    onLease: ({ events }) => metrics.leaseEvents.observe(events),
    onSettled: ({ outcome, handlingMs, settleMs }) => {
      metrics.handlingSeconds.observe(handlingMs / 1_000);
      metrics.settleSeconds.observe(settleMs / 1_000);
      metrics.eventsProcessed.add(outcome.done.length);
      metrics.eventsRetried.add(outcome.retried);
      metrics.eventsDeferred.add(outcome.deferred);
      for (const [reason, count] of Object.entries(outcome.dead)) {
        metrics.eventsDead.add(count, { reason });
      }
      metrics.earlierEvents.add(earlierOf(outcome.done), { outcome: 'processed' });
      metrics.earlierEvents.add(earlierOf(outcome.deadEvents), { outcome: 'dead' });
      observeEndToEnd(metrics, outcome.done, clock.now());
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

/** Events that were received in the same millisecond lie side by side: one observation for all of them. */
function observeEndToEnd(
  { endToEndSeconds }: Pick<Metrics, 'endToEndSeconds'>,
  events: readonly StoredEvent[],
  now: number,
): void {
  // The collector's clock may be ahead of ours.
  const observe = (receivedAt: number, times: number) =>
    endToEndSeconds.observe(Math.max(0, now - receivedAt) / 1_000, times);
  let times = 0;
  let current = 0;
  for (const { receivedAt } of events) {
    if (receivedAt !== current && times > 0) {
      observe(current, times);
      times = 0;
    }
    current = receivedAt;
    times++;
  }
  if (times > 0) observe(current, times);
}
