import type { PublishableEvent } from '../publishable-event';

/** The id of the n-th event of a test. */
export function eventId(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
}

/** Numbered events, from 1, made as they are asked for. */
export function* numbered(count: number): Iterable<PublishableEvent> {
  for (let n = 1; n <= count; n += 1) {
    yield { eventId: eventId(n), type: 'numbered', timestamp: 1_750_000_000_000 + n };
  }
}
