import { createHash } from 'node:crypto';
import { Event } from '@event-pipeline/contracts';
import { eventId } from '../events-file';

/** One event in so many has no type: the collector refuses it, and its neighbours are taken. */
const ONE_REFUSED_IN = 97;
const FIRST_TIMESTAMP = 1_750_000_000_000;
const MOST_TEXT = 400;

/** The n-th event of a load: the same for the same seed and number, wherever it is asked for. */
export function numberedEvent(n: number, seed: number): Event {
  const type = isRefused(n) ? '' : TYPES[n % TYPES.length];
  return Event.fromPartial({
    eventId: eventId(n),
    type: type ?? '',
    timestamp: FIRST_TIMESTAMP + n,
    data: Buffer.from(JSON.stringify(dataOf(n, seed))),
  });
}

/** Whether the n-th event is one that the collector has to refuse. */
export function isRefused(n: number): boolean {
  return n % ONE_REFUSED_IN === ONE_REFUSED_IN - 1;
}

/** What stands for the content of the n-th event, as {@link contentOf} makes it of what was stored. */
export function numberedContent(n: number, seed: number): string {
  return contentOf({
    type: TYPES[n % TYPES.length] ?? '',
    timestamp: FIRST_TIMESTAMP + n,
    data: dataOf(n, seed),
  });
}

/** Stands for what an event says. The handlers in testdata/ do the same. */
export function contentOf({
  type,
  timestamp,
  data,
}: {
  type: string;
  timestamp: number;
  data?: unknown;
}): string {
  const text = JSON.stringify([type, timestamp, data]);
  return createHash('md5').update(text).digest('base64url');
}

/** The number in an event id of a load; undefined for an id of another form. */
export function numberOf(id: string): number | undefined {
  const n = Number(/^00000000-0000-4000-8000-(\d{12})$/.exec(id)?.[1]);
  return Number.isNaN(n) ? undefined : n;
}

const TYPES = ['page_view', 'user_login', 'purchase'] as const;

function dataOf(n: number, seed: number) {
  const mixed = Math.imul((n + 1) ^ seed, 2_654_435_761) >>> 0;
  return {
    n,
    text: mixed
      .toString(36)
      .repeat(8)
      .slice(0, mixed % MOST_TEXT),
    half: n / 2,
  };
}
