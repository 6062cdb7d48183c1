import { decodeStoredEvent, type StoredEvent } from '@event-pipeline/contracts';
import type { EventSink, SinkEvent } from '@event-pipeline/consumer';
import type { Clock } from '@event-pipeline/runtime';
import type { EventStore, StorableEvent } from '@event-pipeline/store';
import { MinutelyWarning, type Logger, type Metrics } from '@event-pipeline/telemetry';

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
  // Conflicts come in crowds, where they come.
  const warning = new MinutelyWarning(clock, logger);
  const warn = (conflicts: readonly SinkEvent<StoredEvent>[]) => {
    const [first] = conflicts;
    const { eventId, type } = first ? decodeStoredEvent(first.body) : {};
    warning.warn(
      { eventId, type, conflicts: conflicts.length },
      'an event came with the id of a stored one and other content: the first content stays',
      conflicts.length,
    );
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

/** From the text alone: a handler has had the event in its hands, and may have changed it. */
function toStorable({ body }: SinkEvent<StoredEvent>): StorableEvent {
  const { eventId, type, timestamp, receivedAt } = decodeStoredEvent(body);
  // The collector writes ids in lower case; what other programs push into the list may differ.
  return { id: eventId.toLowerCase(), type, timestamp, receivedAt, body };
}
