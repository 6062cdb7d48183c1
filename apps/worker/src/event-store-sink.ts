import type { StoredEvent } from '@event-pipeline/contracts';
import type { EventSink, SinkEvent } from '@event-pipeline/consumer';
import type { Clock } from '@event-pipeline/runtime';
import type { EventStore, StorableEvent } from '@event-pipeline/store';
import type { Logger, Metrics } from '@event-pipeline/telemetry';

/** Conflicts come in crowds, where they come: one line a minute is enough. */
const WARNING_PERIOD_MS = 60_000;

export interface EventStoreSinkOptions {
  readonly store: Pick<EventStore, 'put' | 'health'>;
  readonly metrics: Pick<Metrics, 'eventsStored' | 'eventsStoredBefore' | 'storeConflicts'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The store as the consumer's sink. An event whose id is stored with other content counts as stored,
 * and is settled as done: the first content stays, the conflict is counted and logged.
 */
export function createEventStoreSink(options: EventStoreSinkOptions): EventSink<StoredEvent> {
  const { store, metrics, clock, logger } = options;
  let warnedAt: number | undefined;
  let keptBack = 0;

  const warn = (conflicts: readonly SinkEvent<StoredEvent>[]) => {
    const now = clock.monotonic();
    if (warnedAt !== undefined && now - warnedAt < WARNING_PERIOD_MS) {
      keptBack += conflicts.length;
      return;
    }
    const { eventId, type } = conflicts[0]?.event ?? {};
    logger.warn(
      { eventId, type, conflicts: conflicts.length, keptBack },
      'an event came with the id of a stored one and other content: the first content stays',
    );
    warnedAt = now;
    keptBack = 0;
  };

  return {
    store: async (events, signal, onProgress) => {
      const result = await store.put(events.map(toStorable), { signal, onAnswer: onProgress });
      metrics.eventsStored.add(result.stored);
      metrics.eventsStoredBefore.add(result.duplicates);
      metrics.storeConflicts.add(result.conflicts.length);
      if (result.conflicts.length > 0) {
        warn(result.conflicts.flatMap((index) => events[index] ?? []));
      }
      return result.refused;
    },
    check: async () => {
      await store.health();
    },
  };
}

function toStorable({ event, body }: SinkEvent<StoredEvent>): StorableEvent {
  const { eventId, type, timestamp, receivedAt } = event;
  // The collector writes ids in lower case; what other programs push into the list may differ.
  return { id: eventId.toLowerCase(), type, timestamp, receivedAt, body };
}
