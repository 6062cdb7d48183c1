import { PipelineError } from '@event-pipeline/runtime';

const EMPTY = {
  enqueued: 0,
  pending: 0,
  /** Suspects of both kinds: in groups and isolated. */
  suspect: 0,
  leased: 0,
  delayed: 0,
  processed: 0,
  dead: 0,
  purged: 0,
  retried: 0,
  expiredLeases: 0,
  duplicateBatches: 0,
  leases: 0,
  /** Bytes of the bodies of all events held. */
  bytes: 0,
  /** Of the suspects those that are handed out alone. */
  isolated: 0,
  nextChunk: 0,
  nextGroup: 0,
  nextDead: 0,
  nextExpiry: 0,
  /** Counts the times at which both suspects and pending events waited: they take turns. */
  turns: 0,
  /** Rises whenever there may be something new to receive; waiting workers watch it. */
  wakeups: 0,
};

/**
 * What is counted and numbered of one partition, in one record. Each transition reads it, changes it
 * and writes it back in its own transaction, so the counters are never apart from what they count.
 */
export type PartitionState = typeof EMPTY;

export function emptyState(): PartitionState {
  return { ...EMPTY };
}

export function parseState(text: string): PartitionState {
  const parsed: unknown = JSON.parse(text);
  const state = { ...EMPTY, ...(parsed as Partial<PartitionState>) };
  for (const value of Object.values(state)) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new PipelineError('QUEUE_CORRUPT', 'the counters of the queue are damaged');
    }
  }
  return state;
}

/** Events that count towards the limit of depth. */
export function heldEvents(state: PartitionState): number {
  return state.enqueued - state.processed - state.purged;
}
