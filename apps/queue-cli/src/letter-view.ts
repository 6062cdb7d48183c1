import { decodeStoredEvent, type StoredEvent } from '@event-pipeline/contracts';
import type { DeadLetter } from '@event-pipeline/queue';
import { formatLetterId } from './letter-id';

/** A dead letter with what can be read of its event. */
export interface LetterView {
  readonly partition: number;
  readonly letter: DeadLetter;
  /** Undefined where the body is no event, as with the reason "undecodable". */
  readonly event: StoredEvent | undefined;
}

export function viewOf(partition: number, letter: DeadLetter): LetterView {
  return { partition, letter, event: decodedOrUndefined(letter.body) };
}

/** A dead letter as --json prints it. Member names are stable; null where there is nothing. */
export interface LetterJson {
  /** PARTITION/NUMBER. */
  readonly id: string;
  readonly partition: number;
  readonly reason: string;
  readonly error: string;
  readonly handler: string | null;
  readonly attempts: number;
  readonly crashes: number;
  /** ISO 8601, as all times here. */
  readonly firstFailureAt: string | null;
  readonly diedAt: string | null;
  readonly eventId: string | null;
  readonly type: string | null;
  readonly timestamp: string | null;
  readonly receivedAt: string | null;
  /** W3C trace context of the event, from its attributes. */
  readonly traceparent: string | null;
  /** The event as it is stored, to the letter. */
  readonly body: string;
}

export function toJson({ partition, letter, event }: LetterView): LetterJson {
  const { id, reason, error, handler, attempts, crashes, firstFailureAt, diedAt, body } = letter;
  return {
    id: formatLetterId({ partition, id }),
    partition,
    reason,
    error,
    handler: handler === '' ? null : handler,
    attempts,
    crashes,
    firstFailureAt: isoTime(firstFailureAt),
    diedAt: isoTime(diedAt),
    eventId: event?.eventId ?? null,
    type: event?.type ?? null,
    timestamp: event === undefined ? null : isoTime(event.timestamp),
    receivedAt: event === undefined ? null : isoTime(event.receivedAt),
    traceparent: traceparentOf(event) ?? null,
    body,
  };
}

export function traceparentOf(event: StoredEvent | undefined): string | undefined {
  return event?.attributes['traceparent'];
}

/** Null for what is no time that a date can hold: bodies are other people's. */
export function isoTime(ms: number): string | null {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

function decodedOrUndefined(body: string): StoredEvent | undefined {
  try {
    return decodeStoredEvent(body);
  } catch {
    return undefined;
  }
}
