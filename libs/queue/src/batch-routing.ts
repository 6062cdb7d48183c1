import { partitionOf } from './partition-of';
import type { Partitioning, Queue } from './queue';

/** By which partitions a batch is to be spread. */
export interface BatchRouting {
  readonly count: number;
  /** Of the partitions at present; to go with the record of the batch id. */
  readonly generation: number;
  /** False for a batch that is spread as it was before the partitions changed. */
  readonly isPresent: boolean;
}

/**
 * The partition that is never given up. Of a batch that is spread over several, it gets what had not
 * been queued when the partitions changed, so that whoever sends the rest again looks there.
 */
export const PERMANENT_PARTITION = 0;

/** The partition that remembers a batch id, for batches that are spread over several. */
export function homeOf(batchId: string, count: number): number {
  return partitionOf(batchId, count);
}

/**
 * How a batch whose id comes from a client is to be spread: as it was the first time, where that was
 * before the partitions changed; else by the present partitions. Asks the queue only for as long
 * after a change as ids are remembered.
 *
 * The caller then enqueues, before anything else of the batch and in the partition `homeOf(batchId,
 * count)`, a batch with this id and generation; refused with PARTITIONS_CHANGED, it asks here again.
 *
 * @param batchId chooses the home partition
 * @param recordId the id under which the home partition would remember it
 * @throws PipelineError QUEUE_UNAVAILABLE
 */
export async function routeBatch(
  queue: Pick<Queue, 'partitioning' | 'remembers'>,
  batchId: string,
  recordId: string,
): Promise<BatchRouting> {
  const { count, generation, earlier }: Partitioning = queue.partitioning();
  for (const before of earlier) {
    const [known] = await queue.remembers(homeOf(batchId, before), [recordId]);
    if (known === true) return { count: before, generation, isPresent: false };
  }
  return { count, generation, isPresent: true };
}
