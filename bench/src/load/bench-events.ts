import { encodeStoredEvent, type Event } from '@event-pipeline/contracts';
import { systemClock, systemRandom } from '@event-pipeline/runtime';

const NO_DATA = Buffer.alloc(0);

/** An event as the producer generates it: an id, a type and a timestamp. */
export function benchEvent(index: number): Event {
  return {
    eventId: systemRandom.uuid(),
    type: index % 2 === 0 ? 'page_view' : 'user_login',
    timestamp: systemClock.now(),
    data: NO_DATA,
    dataContentType: '',
    attributes: new Map(),
    source: '',
    partitionKey: '',
    schemaVersion: '',
  };
}

export function benchEvents(count: number): Event[] {
  return Array.from({ length: count }, (_, index) => benchEvent(index));
}

/** As the collector writes it into the queue. */
export function storedBenchEvent(index: number): string {
  return encodeStoredEvent(benchEvent(index), systemClock.now());
}
