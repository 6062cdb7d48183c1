/**
 * Every Redis key of the queue: the one place that spells them. The braces make all keys of a
 * partition share one hash slot, so that a script runs on any node of a Cluster.
 */
export interface PartitionKeys {
  /** list: pending events; LPUSH at the left, taken from the right. Its length is the backlog. */
  readonly pending: string;
  /** sorted set: lease id by deadline, ms of Redis' own TIME. */
  readonly leases: string;
  /** list: events of leases that expired, in groups that are leased each by itself. */
  readonly suspect: string;
  /** list: suspects that are alone; handed out only to a worker with nothing else in hand. */
  readonly isolated: string;
  /** sorted set: events that wait for a retry, by due time in ms. */
  readonly delayed: string;
  /** stream: dead letters. */
  readonly dead: string;
  /** hash: the counters of the conservation identity, and bytes held. */
  readonly counters: string;
  /** list: at most one token without data, which wakes a blocked worker. */
  readonly wakeup: string;
  /** string: set once; its absence tells a server that came back empty. */
  readonly epoch: string;
  /** list: what a lease is, then its events. */
  lease(leaseId: string): string;
  /** string with expiry: digest and answer of a batch that was queued. */
  batch(batchId: string): string;
  /** Matches the key of every lease. */
  readonly leasePattern: string;
}

/** hash: how many partitions the queue has, and lately had; in the slot of partition 0. */
export function partitionsKey(queueName: string): string {
  return `{${queueName}}:partitions`;
}

/** hash: what is in the buckets of a principal's quota, and when that was; in the slot of partition 0. */
export function quotaKey(queueName: string, principal: string): string {
  return `{${queueName}}:quota:${principal}`;
}

/**
 * The keys of one partition. Partition 0 uses the queue's plain name, so that `LLEN event_queue`
 * is its backlog.
 */
export function partitionKeys(queueName: string, partition: number): PartitionKeys {
  const pending = partition === 0 ? queueName : `${queueName}:${partition}`;
  const prefix = `{${pending}}:`;
  return {
    pending,
    leases: `${prefix}leases`,
    suspect: `${prefix}suspect`,
    isolated: `${prefix}isolated`,
    delayed: `${prefix}delayed`,
    dead: `${prefix}dead`,
    counters: `${prefix}counters`,
    wakeup: `${prefix}wakeup`,
    epoch: `${prefix}epoch`,
    lease: (leaseId) => `${prefix}lease:${leaseId}`,
    batch: (batchId) => `${prefix}batch:${batchId}`,
    leasePattern: `${prefix.replace(/[*?[\]\\]/g, '\\$&')}lease:*`,
  };
}
