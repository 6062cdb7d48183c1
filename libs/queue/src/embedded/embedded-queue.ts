import { PipelineError, type Clock, type Random } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import { checkBatches, checkExceptions, checkPartition, checkReceive } from '../check-arguments';
import type {
  Delivery,
  EnqueueBatch,
  EnqueueResult,
  LeaseRef,
  Queue,
  QueueHealth,
  QueueLimits,
  QueueStats,
  Received,
  ReceiveRequest,
  Reclaimed,
  ReclaimLimits,
  SettleException,
} from '../queue';
import { checkLeaseMs, checkOutcomes, checkReclaim } from './check-embedded';
import { enqueueBatches, measure, pack } from './enqueue-batches';
import { Environment } from './environment';
import { EventWatch, type Sight } from './event-watch';
import { extendLease, releaseLease } from './give-back';
import { NoRoomError } from './lmdb-errors';
import { PartitionRecords, numbersOf, type LeaseRecord } from './partition-records';
import { heldEvents } from './partition-state';
import { openQueueRecord } from './queue-record';
import { receiveEvents, type HandedOut } from './receive-events';
import { reclaimLeases } from './reclaim-leases';
import { settleLease } from './settle-lease';

export interface EmbeddedQueueOptions {
  /** Folder of the database; made where there is none. Local disks only: LMDB locks by shared memory. */
  readonly path: string;
  readonly name: string;
  readonly limits: QueueLimits;
  /**
   * How large the database may grow; intake is refused from nine tenths of it on. The file only
   * takes what is used. All processes that share a folder must agree on it.
   */
  readonly mapSizeBytes?: number;
}

export interface EmbeddedQueueDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const DEFAULT_MAP_SIZE_BYTES = 16 * 2 ** 30;

/**
 * Opens the queue in a folder, which several processes of one machine may share. CONFIG_INVALID, in
 * one line, when the folder cannot be used; QUEUE_CORRUPT when it holds something else.
 */
export async function openEmbeddedQueue(
  options: EmbeddedQueueOptions,
  dependencies: EmbeddedQueueDependencies,
): Promise<Queue> {
  const { path, name, mapSizeBytes = DEFAULT_MAP_SIZE_BYTES } = options;
  const environment = Environment.open({ path, mapSizeBytes }, dependencies);
  try {
    const { partitions } = await environment.transact(() => openQueueRecord(environment.db, name));
    await environment.disk.look();
    return new EmbeddedQueue(environment, options, dependencies, partitions);
  } catch (error) {
    await environment.close();
    throw error;
  }
}

/**
 * The queue port on LMDB: arguments checked, then one write transaction a call. What each transition
 * does stands in its own file; where everything lies, in layout.ts.
 */
class EmbeddedQueue implements Queue {
  private readonly watches = new Map<number, EventWatch>();

  constructor(
    private readonly environment: Environment,
    private readonly options: EmbeddedQueueOptions,
    private readonly dependencies: EmbeddedQueueDependencies,
    private readonly partitions: number,
  ) {}

  partitionCount(): number {
    return this.partitions;
  }

  async enqueue(
    partition: number,
    batches: readonly EnqueueBatch[],
  ): Promise<readonly EnqueueResult[]> {
    checkPartition(partition, this.partitions);
    checkBatches(batches);
    if (batches.length === 0) return [];
    const { disk } = this.environment;
    disk.refresh();
    if (disk.isTight) return refuseAll(batches);
    const measured = batches.map(measure);
    const packed = pack(measured);
    try {
      return await this.environment.transact(() =>
        enqueueBatches(this.records(partition), measured, packed, {
          now: this.now(),
          limits: this.options.limits,
          heldElsewhere: this.heldElsewhere(partition),
          room: this.environment.intakeRoom(),
        }),
      );
    } catch (error) {
      // Nothing was written, so the answer is a plain no.
      if (error instanceof NoRoomError) return refuseAll(batches);
      throw error;
    }
  }

  async receive(request: ReceiveRequest): Promise<Received> {
    const { partition, leaseId, isolated } = request;
    checkPartition(partition, this.partitions);
    checkReceive(request);
    const records = this.records(partition);
    const handedOut = await this.environment.transact(() =>
      receiveEvents(records, request, this.now()),
    );
    if (isolated === 'skip') this.noteReceived(partition, handedOut);
    const { lease, isolatedWaiting, nextDueMs } = handedOut;
    return {
      ...(lease && { lease: toLease(records, leaseId, lease) }),
      isolatedWaiting,
      ...(nextDueMs !== undefined && { nextDueMs }),
    };
  }

  async settle(ref: LeaseRef, exceptions: readonly SettleException[]): Promise<void> {
    checkExceptions(ref.size, exceptions);
    checkOutcomes(exceptions);
    await this.withLease(ref, (records, lease) => {
      settleLease(records, ref.id, lease, exceptions, this.now());
    });
  }

  async extend(ref: LeaseRef, leaseMs: number): Promise<void> {
    checkLeaseMs(leaseMs);
    await this.withLease(ref, (records, lease) => {
      extendLease(records, ref.id, lease, this.now() + Math.ceil(leaseMs));
    });
  }

  async release(ref: LeaseRef): Promise<void> {
    await this.withLease(ref, (records, lease) => releaseLease(records, ref.id, lease));
  }

  async reclaim(partition: number, limits: ReclaimLimits): Promise<Reclaimed> {
    checkPartition(partition, this.partitions);
    checkReclaim(limits);
    // Most often nothing has expired: a look costs no one the write lock.
    if (!this.environment.read(() => this.hasUpkeep(partition)))
      return { leases: 0, events: 0, dead: 0 };
    return this.environment.transact(() =>
      reclaimLeases(this.records(partition), limits, this.now()),
    );
  }

  async waitForEvents(partition: number, maxWaitMs: number, signal: AbortSignal): Promise<void> {
    checkPartition(partition, this.partitions);
    await this.watchOf(partition).wait(maxWaitMs, signal, () => this.environment.isClosed);
  }

  async stats(partition: number): Promise<QueueStats> {
    checkPartition(partition, this.partitions);
    return this.environment.read(() => {
      const records = this.records(partition);
      const { enqueued, pending, suspect, leased, delayed, processed, dead, purged, ...state } =
        records.state();
      const { retried, expiredLeases, duplicateBatches, leases, bytes } = state;
      const [next] = records.first('pending', 1);
      const [chunk = 0, from = 0] = next ? numbersOf(next) : [];
      const [oldest] = next ? records.chunk(chunk).deliveries(from, from + 1) : [];
      return {
        ...{ enqueued, pending, suspect, leased, delayed, processed, dead, purged },
        ...{ retried, expiredLeases, duplicateBatches, leases, bytes },
        ...(oldest && { oldestPending: oldest.body }),
      };
    });
  }

  async health(): Promise<QueueHealth> {
    const { path } = this.options;
    const { disk, isStuck, isClosed } = this.environment;
    const unavailable = (why: string) => new PipelineError('QUEUE_UNAVAILABLE', why);
    if (isClosed) throw unavailable('the queue is closed');
    if (isStuck) throw unavailable('the embedded queue does not answer: its lock is held');
    await disk.look();
    if (disk.isTight) throw unavailable(`the disk of the folder "${path}" is full`);
    this.environment.read(() => this.records(0).state());
    return {
      durability: disk.isInMemory ? 'memory' : 'disk',
      detail: disk.isInMemory
        ? `embedded in "${path}", which is on a file system in memory`
        : `embedded in "${path}", every transaction flushed to disk`,
    };
  }

  close(): Promise<void> {
    return this.environment.close();
  }

  private now(): number {
    return Math.floor(this.dependencies.clock.now());
  }

  /** The records of a partition for one transaction or one read. */
  private records(partition: number): PartitionRecords {
    return new PartitionRecords(this.environment.db, this.options.name, partition);
  }

  private withLease<T>(
    { id, partition, size }: LeaseRef,
    work: (records: PartitionRecords, lease: LeaseRecord) => T,
  ): Promise<T> {
    checkPartition(partition, this.partitions);
    return this.environment.transact(() => {
      const records = this.records(partition);
      const lease = records.lease(id);
      if (lease === undefined) {
        throw new PipelineError('LEASE_LOST', `lease ${id} is not held any more`);
      }
      if (lease.size !== size) {
        throw new PipelineError('INVALID_ARGUMENT', `lease ${id} has ${lease.size} events`);
      }
      return work(records, lease);
    });
  }

  private heldElsewhere(partition: number): { events: number; bytes: number } {
    const held = { events: 0, bytes: 0 };
    for (let other = 0; other < this.partitions; other++) {
      if (other === partition) continue;
      const state = this.records(other).state();
      held.events += heldEvents(state);
      held.bytes += state.bytes;
    }
    return held;
  }

  private hasUpkeep(partition: number): boolean {
    const records = this.records(partition);
    const now = this.now();
    return (
      records.first('deadline', 1, now).length > 0 || records.first('expiry', 1, now).length > 0
    );
  }

  private watchOf(partition: number): EventWatch {
    let watch = this.watches.get(partition);
    if (watch === undefined) {
      watch = new EventWatch(() => this.look(partition), this.dependencies.clock);
      this.watches.set(partition, watch);
    }
    return watch;
  }

  private look(partition: number): Sight {
    const records = this.records(partition);
    const { pending, suspect, isolated, delayed, wakeups } = records.state();
    const ready =
      pending > 0 ||
      suspect > isolated ||
      (delayed > 0 && records.first('delayed', 1, this.now()).length > 0);
    return { wakeups, ready };
  }

  private noteReceived(partition: number, { lease, wakeups }: HandedOut): void {
    const watch = this.watchOf(partition);
    if (lease === undefined) watch.foundNothing(wakeups);
    else watch.foundSomething();
  }
}

function toLease(records: PartitionRecords, id: string, { size, runs }: LeaseRecord) {
  const deliveries: Delivery[] = [];
  for (const { chunk, from, to } of runs) {
    deliveries.push(...records.chunk(chunk).deliveries(from, to));
  }
  return { partition: records.partition, id, size, deliveries };
}

function refuseAll(batches: readonly EnqueueBatch[]): EnqueueResult[] {
  return batches.map(() => ({ outcome: 'refused', reason: 'QUEUE_FULL' }));
}
