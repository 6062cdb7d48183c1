import type { PublishEventsRequest, PublishEventsResponse } from '@event-pipeline/contracts';
import type { Random } from '@event-pipeline/runtime';
import type { OutgoingEvent } from './event-source';
import type { Lane } from './send-mode';
import type { Tally } from './tally';

/** Most bytes in a request before its last event; the collector takes 4 MiB. */
const MAX_REQUEST_BYTES = 1_048_576;

/** A request on its way to the collector, under a batch id of its own. */
export interface OutgoingBatch {
  readonly request: PublishEventsRequest;
  readonly events: readonly OutgoingEvent[];
  /** At least as many as it takes on the wire. */
  readonly bytes: number;
}

/**
 * A batch of what the feed has at hand; undefined where that is nothing.
 *
 * @param maxBytes what the batch may weigh before its last event
 */
export function takeBatch(
  { feed, limits, random }: Pick<Lane, 'feed' | 'limits' | 'random'>,
  maxBytes: number,
): OutgoingBatch | undefined {
  const events = feed.take(limits.batchSize, Math.min(MAX_REQUEST_BYTES, maxBytes));
  return events.length === 0 ? undefined : batchOf(events, random);
}

function batchOf(events: readonly OutgoingEvent[], random: Random): OutgoingBatch {
  return {
    request: { batchId: random.uuid(), events: events.map(({ event }) => event) },
    events,
    bytes: events.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** Notes what the collector says of a batch: what it does not count as accepted is rejected. */
export function settleBatch(
  { events }: OutgoingBatch,
  { accepted, rejections }: PublishEventsResponse,
  tally: Tally,
): void {
  const counted = Math.min(Math.max(0, accepted), events.length);
  const counts = { accepted: counted, rejected: events.length - counted };
  tally.answer(counts, rejections, (index) => events[index]?.position);
}
