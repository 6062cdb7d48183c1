import { partitionOf } from './partition-of';
import type { PartitionEra } from './partitioning';
import type { Queue } from './queue';

/** Where the events of a batch go, and where its id is remembered. */
export interface BatchRouting {
  /** The number of partitions by which the events are spread. */
  readonly count: number;
  /** The partition that remembers the id. */
  readonly home: number;
  /**
   * The id under which it does. It names the generation by which the batch is spread: a batch that
   * comes again must be spread as it was, and most ids have the same home by different counts.
   */
  readonly recordId: string;
  /** That generation. */
  readonly generation: number;
  /** False where it is an earlier one, in which the queue remembers the id. */
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
  const present = queue.partitioning();
  const eras = present.earlier.map((era) => placeOf(batchId, era));
  const known = await Promise.all(
    eras.map(({ home, recordId }) => queue.remembers(home, [recordId])),
  );
  const found = eras.find((_, at) => known[at]?.[0] === true);
  if (found) return { ...found, isPresent: false };
  return { ...placeOf(batchId, present), isPresent: true };
}

function placeOf(
  batchId: string,
  { count, generation }: PartitionEra,
): Omit<BatchRouting, 'isPresent'> {
  const home = partitionOf(batchId, count);
  return { count, generation, home, recordId: `${batchId}/${generation}` };
}
