import type { EnqueueBatch, EnqueueResult, Queue } from '@event-pipeline/queue';
import type { Clock, Random } from '@event-pipeline/runtime';
import type { BatchAnswer } from './batch-answer';
import type { BatchPart } from './batch-parts';
import type { EventIngestor } from './event-ingestor';
import type { PartitionBatchers } from './partition-batchers';

/** What queueing a batch takes. */
export interface QueueingParts {
  readonly ingestor: EventIngestor;
  readonly queue: Pick<Queue, 'partitioning' | 'remembers'>;
  readonly batchers: PartitionBatchers;
  readonly random: Random;
  readonly clock: Clock;
  /** How long a batch may wait for an unreachable queue before it is given up. */
  readonly patienceMs: number;
}

/** What became of a batch. */
export type QueuedAnswer = BatchAnswer & { readonly duplicate: boolean };

/** Under which id, and how, the queue remembers a part. */
export type PartIdentity = Pick<EnqueueBatch, 'id' | 'digest' | 'rememberMs' | 'generation'>;

/** Hands the part to its batcher before it returns. Only one with a generation may be refused. */
export function enqueuePart(
  identity: PartIdentity,
  { partition, bodies, bytes }: BatchPart,
  batchers: PartitionBatchers,
  answer = '',
): Promise<EnqueueResult> {
  return batchers.enqueue(partition, { ...identity, answer, bodies }, bytes);
}

/**
 * The results of all, in their order. Rejects only when each one has ended: until then its events are
 * in memory, and their admission must not be given back.
 */
export async function allEnded<T>(promises: readonly Promise<T>[]): Promise<readonly T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
