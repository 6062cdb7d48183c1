import { PipelineError } from '@event-pipeline/runtime';
import type { EnqueueBatch, EnqueueResult, QueueLimits } from '../queue';
import { forgetBatches, rememberBatches } from './batch-memory';
import { PackedEvents } from '../packed-events';
import { chunkEnds, chunkOverhead, freshChunk, FollowingTexts } from './event-chunk';
import { heldEvents } from './partition-state';
import type { PartitionRecords } from './partition-records';

/** Half of what lmdb copies in one piece; beyond that it hands out its own memory. */
const MAX_EVENT_BYTES = 8 * 1_048_576;

/** A batch with the length of each event in bytes. */
export interface MeasuredBatch {
  readonly batch: EnqueueBatch;
  readonly events: PackedEvents;
  readonly sizes: readonly number[];
  readonly bytes: number;
}

export interface PackedChunk {
  readonly value: Buffer;
  readonly events: number;
}

/** What an enqueue depends on beside the partition itself. */
export interface EnqueueConditions {
  readonly now: number;
  /** Of the partitions; undefined where this partition has been given up. */
  readonly generation: number | undefined;
  readonly limits: QueueLimits;
  /** Events and bytes held in the other partitions: limits are the whole queue's. */
  readonly heldElsewhere: { readonly events: number; readonly bytes: number };
  /** Bytes that intake may still add to the database. */
  readonly room: number;
}

/** @throws PipelineError INVALID_ARGUMENT for an event that is too large to be stored */
export function measure(batch: EnqueueBatch): MeasuredBatch {
  const events = PackedEvents.of(batch.bodies);
  const sizes: number[] = [];
  events.forEach((from, to) => sizes.push(to - from));
  const tooLarge = sizes.find((size) => size > MAX_EVENT_BYTES);
  if (tooLarge !== undefined) {
    throw new PipelineError(
      'INVALID_ARGUMENT',
      `batch ${batch.id}: an event has ${tooLarge} bytes, at most ${MAX_EVENT_BYTES} are allowed`,
    );
  }
  return { batch, events, sizes, bytes: events.bytes };
}

/**
 * Puts the events of batches into as few chunks as their limits allow, in order. Done before the
 * transaction, for all batches: most often none is refused.
 */
export function pack(batches: readonly MeasuredBatch[]): PackedChunk[] {
  const sizes = batches.flatMap((measured) => measured.sizes);
  const texts = new FollowingTexts(batches.map(({ events }) => events));
  let from = 0;
  return chunkEnds(sizes).map((to) => {
    const value = freshChunk(sizes.slice(from, to), texts);
    const events = to - from;
    from = to;
    return { value, events };
  });
}

/** Appends batches, each one whole or not at all, and remembers their ids. */
export function enqueueBatches(
  records: PartitionRecords,
  batches: readonly MeasuredBatch[],
  packed: readonly PackedChunk[],
  conditions: EnqueueConditions,
): EnqueueResult[] {
  const { now, generation, limits, heldElsewhere, room } = conditions;
  const state = records.state();
  const accepted: MeasuredBatch[] = [];
  const expiries = new Map<number, string[]>();
  let events = heldElsewhere.events + heldEvents(state);
  let bytes = heldElsewhere.bytes + state.bytes;
  let stored = 0;

  const results = batches.map((measured): EnqueueResult => {
    const { id, digest, answer, rememberMs } = measured.batch;
    const known = records.batch(id);
    if (known !== undefined && known.expiresAt > now) {
      if (known.digest !== digest) return { outcome: 'refused', reason: 'BATCH_ID_REUSED' };
      state.duplicateBatches += 1;
      return { outcome: 'duplicate', answer: known.answer };
    }
    if (generation === undefined || (measured.batch.generation ?? generation) < generation) {
      return { outcome: 'refused', reason: 'PARTITIONS_CHANGED' };
    }
    const count = measured.sizes.length;
    const size = measured.bytes + chunkOverhead(count) + answer.length;
    const full =
      (limits.maxEvents > 0 && events + count > limits.maxEvents) ||
      (limits.maxBytes > 0 && bytes + measured.bytes > limits.maxBytes) ||
      stored + size > room;
    if (full) return { outcome: 'refused', reason: 'QUEUE_FULL' };
    events += count;
    bytes += measured.bytes;
    stored += size;
    accepted.push(measured);
    const expiresAt = now + rememberMs;
    records.putBatch(id, { expiresAt, digest, answer });
    expiries.set(expiresAt, [...(expiries.get(expiresAt) ?? []), id]);
    return { outcome: 'queued' };
  });

  const chunks = accepted.length === batches.length ? packed : pack(accepted);
  for (const { value, events: count } of chunks) {
    const chunk = state.nextChunk++;
    records.putChunk(chunk, value, count);
    records.putNumber(records.keys.pending(chunk, 0), count);
    state.enqueued += count;
    state.pending += count;
  }
  for (const { bytes: added } of accepted) state.bytes += added;
  if (chunks.length > 0) state.wakeups += 1;
  rememberBatches(records, state, expiries);
  forgetBatches(records, now, 2 * batches.length);
  records.putState(state);
  return results;
}
