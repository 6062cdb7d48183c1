import { partitionOf } from './partition-of';
import type { Queue } from './queue';

/** Where the events of a batch go, and where its id is remembered. */
export interface BatchRouting {
  /** The number of partitions by which the events are spread. */
  readonly count: number;
  /** The partition that remembers the id. */
  readonly home: number;
  /**
   * The id under which it does. It names the count: most ids have the same home by different counts,
   * and a batch that comes again must be spread as it was.
   */
  readonly recordId: string;
  /** Of the partitions at present; to go with the record. */
  readonly generation: number;
  /** False for a batch that is spread as it was before the partitions changed. */
  readonly isPresent: boolean;
}

/**
 * The partition that is never given up. Of a batch that is spread over several, it gets what had not
 * been queued when the partitions changed, so that whoever sends the rest again looks there.
 */
export const PERMANENT_PARTITION = 0;

/**
 * How a batch whose id comes from a client is to be spread: as it was the first time, where that was
 * before the partitions changed; else by the present partitions. Asks the queue only for as long
 * after a change as ids are remembered.
 *
 * The caller then enqueues, before anything else of the batch and in its home, a batch with the record
 * id and the generation; refused with PARTITIONS_CHANGED, it asks here again.
 *
 * @throws PipelineError QUEUE_UNAVAILABLE
 */
export async function routeBatch(
  queue: Pick<Queue, 'partitioning' | 'remembers'>,
  batchId: string,
): Promise<BatchRouting> {
  const { count, generation, earlier } = queue.partitioning();
  for (const before of earlier) {
    const place = placeOf(batchId, before);
    const [isKnown] = await queue.remembers(place.home, [place.recordId]);
    if (isKnown === true) return { ...place, generation, isPresent: false };
  }
  return { ...placeOf(batchId, count), generation, isPresent: true };
}

function placeOf(
  batchId: string,
  count: number,
): Pick<BatchRouting, 'count' | 'home' | 'recordId'> {
  return { count, home: partitionOf(batchId, count), recordId: `${batchId}/${count}` };
}
