import { decodeStoredEvent, type Rejection } from '@event-pipeline/contracts';
import {
  EventPacker,
  MAX_BATCH_BYTES,
  MAX_BATCH_EVENTS,
  keyHash,
  partitionOfHash,
  type PackedEvents,
} from '@event-pipeline/queue';
import type { BatchFrame } from './batch-frame';
import type { EventIngestor } from './event-ingestor';
import type { StorableEvent } from './storable-event';

/**
 * What an event weighs beyond its bytes on the wire, as long as its stored text is not known: the
 * member names of the text, and the bookkeeping for it in memory.
 */
export const EVENT_OVERHEAD_BYTES = 200;

/** Events of a request that were accepted, in their order; the lists go side by side. */
export interface AcceptedEvents {
  readonly texts: PackedEvents;
  /** Their bytes as they came. */
  readonly lengths: readonly number[];
  /** What each weighs, in bytes. */
  readonly weights: readonly number[];
  /** Of the keys that choose their partitions; undefined where they were not expected to matter. */
  readonly keyHashes: readonly number[] | undefined;
}

/** The events of a request, each judged by itself, in their order. */
export interface JudgedEvents {
  readonly accepted: AcceptedEvents;
  readonly rejections: readonly Rejection[];
  /** How much the accepted ones weigh beyond what they were admitted with, in bytes. */
  readonly growth: number;
}

/** Events of a request that go into the queue as one batch. */
export interface BatchPart {
  readonly partition: number;
  readonly bodies: PackedEvents;
  /** What they weigh together. */
  readonly bytes: number;
}

/** One request is judged at a time, so all share the memory. */
const packer = new EventPacker();

/** @param isSpread whether there is more than one partition, as far as is known */
export function judgeEvents(
  ingestor: EventIngestor,
  { bytes, places, origin, traceparent }: BatchFrame,
  isSpread: boolean,
): JudgedEvents {
  const accepted = new Accepting(isSpread);
  const rejections: Rejection[] = [];
  const now = ingestor.now();
  let growth = 0;
  for (let i = 0; i < places.length; i += 2) {
    const from = places[i] ?? 0;
    const to = places[i + 1] ?? 0;
    const verdict = ingestor.judge(bytes, from, to, i >>> 1, now, origin, traceparent);
    if (verdict.rejection) rejections.push(verdict.rejection);
    else growth += accepted.add(verdict, to - from);
  }
  return { accepted: accepted.end(), rejections, growth };
}

/** The events of a request but for those at `refused`, whatever the limits and the clock say now. */
export function restateEvents(
  ingestor: EventIngestor,
  { bytes, places, origin, traceparent }: BatchFrame,
  refused: ReadonlySet<number>,
): AcceptedEvents {
  const accepted = new Accepting(true);
  for (let i = 0; i < places.length; i += 2) {
    if (refused.has(i >>> 1)) continue;
    const event = bytes.subarray(places[i], places[i + 1]);
    accepted.add(ingestor.restate(event, origin, traceparent), event.length);
  }
  return accepted.end();
}

class Accepting {
  private readonly lengths: number[] = [];
  private readonly weights: number[] = [];
  private readonly keyHashes: number[] | undefined;

  constructor(isSpread: boolean) {
    this.keyHashes = isSpread ? [] : undefined;
    packer.clear();
  }

  /** Returns how much more it weighs than what it was admitted with. */
  add(event: StorableEvent, length: number): number {
    const admitted = length + EVENT_OVERHEAD_BYTES;
    // Escapes can make the stored text six times as long as what came.
    const weight = Math.max(admitted, event.textBytes);
    event.writeTo(packer);
    this.lengths.push(length);
    this.weights.push(weight);
    this.keyHashes?.push(event.keyHash());
    return weight - admitted;
  }

  end(): AcceptedEvents {
    const { lengths, weights, keyHashes } = this;
    return { texts: packer.take(), lengths, weights, keyHashes };
  }
}

/**
 * Cuts events into batches that the queue takes, each for the partition of its events' keys. By the
 * bytes as they came, so that the same events are always cut alike.
 */
export function partsOf(events: AcceptedEvents, partitionCount: number): readonly BatchPart[] {
  const { texts, lengths, weights } = events;
  if (texts.length === 0) return [];
  if (partitionCount === 1 && texts.length <= MAX_BATCH_EVENTS) {
    if (sum(lengths) <= MAX_BATCH_BYTES) {
      return [{ partition: 0, bodies: texts, bytes: sum(weights) }];
    }
  }
  const keyHashes = partitionCount === 1 ? [] : (events.keyHashes ?? keyHashesOf(texts));
  const parts: FillingPart[] = [];
  const filling: FillingPart[] = [];
  texts.forEach((from, to, index) => {
    const partition = partitionOfHash(keyHashes[index] ?? 0, partitionCount);
    const length = lengths[index] ?? 0;
    let current = filling[partition];
    if (!current?.fits(length)) {
      current = new FillingPart(partition);
      filling[partition] = current;
      parts.push(current);
    }
    current.add({ from, to }, length, weights[index] ?? 0);
  });
  return parts.map((part) => part.taken(texts));
}

/** Where the partitions have become more since the events were judged. */
function keyHashesOf(texts: PackedEvents): readonly number[] {
  return texts.texts().map((text) => {
    const { eventId, partitionKey } = decodeStoredEvent(text);
    return keyHash(partitionKey ?? eventId);
  });
}

class FillingPart {
  private readonly ranges: { readonly from: number; readonly to: number }[] = [];
  private length = 0;
  private bytes = 0;

  constructor(private readonly partition: number) {}

  fits(length: number): boolean {
    return this.ranges.length < MAX_BATCH_EVENTS && this.length + length <= MAX_BATCH_BYTES;
  }

  add(range: { readonly from: number; readonly to: number }, length: number, weight: number): void {
    this.ranges.push(range);
    this.length += length;
    this.bytes += weight;
  }

  taken({ encoded }: PackedEvents): BatchPart {
    packer.clear();
    for (const { from, to } of this.ranges) packer.addBytes(encoded, from, to);
    return { partition: this.partition, bodies: packer.take(), bytes: this.bytes };
  }
}

function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
