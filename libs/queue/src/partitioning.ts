/** Most partitions of a queue: a worker keeps a connection for each to wait on. */
export const MAX_PARTITIONS = 64;

/** A time during which the number of partitions was the same. */
export interface PartitionEra {
  /** Rises from era to era; 0 for a queue that never changed. */
  readonly generation: number;
  readonly count: number;
}

/**
 * How many partitions there are, and lately were.
 *
 * Whoever spreads events over partitions by their number spreads them otherwise after a change; a batch
 * that comes again must all the same be looked for where its id was remembered before. So for a batch
 * whose id comes from a client:
 *
 * 1. Ask, for each `earlier` era, the partition that would remember the id by its count.
 * 2. If none does, enqueue by the present count, under the present `generation`.
 * 3. Refused with PARTITIONS_CHANGED: another era has begun. Begin again.
 *
 * See batch-routing.ts, which does it. A change raises the generation of every partition before it takes
 * effect. So what step 1 did not find cannot be enqueued under an earlier generation any more.
 */
export interface Partitioning extends PartitionEra {
  /** Eras that ended within BATCH_ID_WINDOW_MS, latest first. */
  readonly earlier: readonly PartitionEra[];
}
