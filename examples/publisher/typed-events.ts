// The types: what an event may be, and why one was not acknowledged.
import {
  PublishError,
  Publisher,
  type PublishableEvent,
  type PublishErrorCode,
  type PublisherOptions,
} from '@event-pipeline/publisher';
import { openSpill } from '@event-pipeline/publisher/spill';

const options: PublisherOptions = {
  // Connections are spread over them; one that fails is left for the next.
  collectors: ['collector-1:50051', 'collector-2:50051'],
  connections: 4,
  maxUnacknowledgedEvents: 10_000,
  whenFull: 'refuse',
  deadlineMs: 30_000,
};

/** What a caller can do about it. */
export function advice(
  code: PublishErrorCode,
): 'mend the event' | 'try again later' | 'mend the set-up' {
  switch (code) {
    case 'INVALID_EVENT':
    case 'TOO_LARGE':
    case 'REJECTED':
      return 'mend the event';
    case 'WINDOW_FULL':
    case 'DEADLINE_EXCEEDED':
    case 'CLOSED':
    case 'SPILL_FULL':
      return 'try again later';
    case 'INVALID_OPTIONS':
    case 'REFUSED':
    case 'SPILL_FAILED':
    case 'INTERNAL':
      return 'mend the set-up';
  }
}

export async function send(event: PublishableEvent, folder: string): Promise<string> {
  const publisher = new Publisher({ ...options, spill: await openSpill({ folder }) });
  try {
    const { eventId } = await publisher.publish(event);
    return eventId;
  } catch (error) {
    if (error instanceof PublishError) throw new Error(advice(error.code), { cause: error });
    throw error;
  } finally {
    await publisher.close();
  }
}
