/**
 * What a scrape wants to know of the queue. A program gives it by
 * `metrics.sampleQueue(async () => ({ partitions: [{ partition, ...stats, oldestPendingAgeSeconds }] }))`;
 * the queue's own QueueStats fit.
 */
export interface QueueSample {
  readonly partitions: readonly PartitionSample[];
  /** How far an acknowledged event survives, in the queue's own word. */
  readonly durability?: string;
}

/** Counters and depths of one partition, as the queue itself keeps them. */
export interface PartitionSample {
  readonly partition: number;
  readonly enqueued: number;
  readonly processed: number;
  readonly purged: number;
  readonly retried: number;
  readonly expiredLeases: number;
  readonly duplicateBatches: number;
  readonly pending: number;
  readonly suspect: number;
  readonly leased: number;
  readonly delayed: number;
  readonly dead: number;
  readonly leases: number;
  readonly bytes: number;
  /** Age of the pending event that is next in line; undefined when none is pending. */
  readonly oldestPendingAgeSeconds?: number | undefined;
}

/** The states of an event that is in the queue: values of the label `state`. */
export const QUEUE_STATES = ['pending', 'suspect', 'leased', 'delayed', 'dead'] as const;
