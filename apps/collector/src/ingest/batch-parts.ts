import { MAX_BATCH_BYTES, MAX_BATCH_EVENTS } from '@event-pipeline/queue';
import type { Rejection } from '@event-pipeline/contracts';
import type { EventIngestor } from './event-ingestor';

/**
 * What an event weighs beyond its bytes on the wire, as long as its stored text is not known: the
 * member names of the text, and the bookkeeping for it in memory.
 */
export const EVENT_OVERHEAD_BYTES = 200;

/** Events of one request that go into the queue as one batch: from an index to before another. */
export interface PartRange {
  readonly from: number;
  readonly to: number;
}

/** A part whose events have been judged. */
export interface JudgedPart {
  /** The texts to be queued, of the events that were accepted. */
  readonly bodies: readonly string[];
  /** With indexes from the start of the request. */
  readonly rejections: readonly Rejection[];
  /** What the accepted events weigh together. */
  readonly bytes: number;
  /** How much of that is beyond what they were admitted with. */
  readonly growth: number;
}

/**
 * Cuts a request into batches that the queue takes: at least one, which may be empty. By the bytes
 * as they came, whatever their verdict, so that the same request is always cut alike.
 */
export function partsOf(events: readonly Uint8Array[]): readonly PartRange[] {
  const parts: PartRange[] = [];
  let from = 0;
  let bytes = 0;
  for (const [at, event] of events.entries()) {
    const full = at - from === MAX_BATCH_EVENTS || bytes + event.length > MAX_BATCH_BYTES;
    if (full && at > from) {
      parts.push({ from, to: at });
      from = at;
      bytes = 0;
    }
    bytes += event.length;
  }
  parts.push({ from, to: events.length });
  return parts;
}

/** Judges the events of one part. */
export function judgePart(
  ingestor: EventIngestor,
  events: readonly Uint8Array[],
  { from, to }: PartRange,
): JudgedPart {
  const bodies: string[] = [];
  const rejections: Rejection[] = [];
  let bytes = 0;
  let growth = 0;
  for (let index = from; index < to; index++) {
    const event = events[index] ?? NOTHING;
    const { body, rejection } = ingestor.judge(event, index);
    if (rejection) {
      rejections.push(rejection);
      continue;
    }
    bodies.push(body);
    const cost = event.length + EVENT_OVERHEAD_BYTES;
    // Escapes can make the stored text six times as long as what came.
    const weight = Math.max(cost, Buffer.byteLength(body));
    bytes += weight;
    growth += weight - cost;
  }
  return { bodies, rejections, bytes, growth };
}

const NOTHING = new Uint8Array(0);
