import type { Rejection } from '@event-pipeline/contracts';
import { MAX_BATCH_BYTES, MAX_BATCH_EVENTS, partitionOf } from '@event-pipeline/queue';
import type { EventIngestor, StorableEvent } from './event-ingestor';

/**
 * What an event weighs beyond its bytes on the wire, as long as its stored text is not known: the
 * member names of the text, and the bookkeeping for it in memory.
 */
export const EVENT_OVERHEAD_BYTES = 200;

/** An event that was accepted. */
export interface AcceptedEvent {
  /** Its position in the request. */
  readonly index: number;
  /** The text to be queued. */
  readonly body: string;
  /** Chooses its partition. */
  readonly key: string;
  /** What it weighs, in bytes. */
  readonly weight: number;
  /** Its bytes as they came. */
  readonly length: number;
}

/** The events of a request, each judged by itself, in their order. */
export interface JudgedEvents {
  readonly accepted: readonly AcceptedEvent[];
  readonly rejections: readonly Rejection[];
  /** How much the accepted ones weigh beyond what they were admitted with, in bytes. */
  readonly growth: number;
}

/** Events of a request that go into the queue as one batch. */
export interface BatchPart {
  readonly partition: number;
  readonly bodies: string[];
  /** What they weigh together. */
  bytes: number;
}

export function judgeEvents(ingestor: EventIngestor, events: readonly Uint8Array[]): JudgedEvents {
  const accepted: AcceptedEvent[] = [];
  const rejections: Rejection[] = [];
  let growth = 0;
  for (const [index, bytes] of events.entries()) {
    const verdict = ingestor.judge(bytes, index);
    if (verdict.rejection) {
      rejections.push(verdict.rejection);
      continue;
    }
    const event = weighed(index, bytes, verdict);
    growth += event.weight - event.length - EVENT_OVERHEAD_BYTES;
    accepted.push(event);
  }
  return { accepted, rejections, growth };
}

export function weighed(
  index: number,
  { length }: Uint8Array,
  { body, key }: StorableEvent,
): AcceptedEvent {
  // Escapes can make the stored text six times as long as what came.
  const weight = Math.max(length + EVENT_OVERHEAD_BYTES, Buffer.byteLength(body));
  return { index, body, key, weight, length };
}

/**
 * Cuts events into batches that the queue takes, each for the partition of its events' keys. By the
 * bytes as they came, so that the same events are always cut alike.
 */
export function partsOf(
  events: readonly AcceptedEvent[],
  partitionCount: number,
): readonly BatchPart[] {
  const parts: BatchPart[] = [];
  const filling: { part: BatchPart; length: number }[] = [];
  for (const { body, key, weight, length } of events) {
    const partition = partitionOf(key, partitionCount);
    let current = filling[partition];
    const isFull =
      current !== undefined &&
      (current.part.bodies.length === MAX_BATCH_EVENTS ||
        current.length + length > MAX_BATCH_BYTES);
    if (current === undefined || isFull) {
      current = { part: { partition, bodies: [], bytes: 0 }, length: 0 };
      filling[partition] = current;
      parts.push(current.part);
    }
    current.part.bodies.push(body);
    current.part.bytes += weight;
    current.length += length;
  }
  return parts;
}
