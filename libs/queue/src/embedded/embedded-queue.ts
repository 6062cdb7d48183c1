import { setImmediate as nextTurn } from 'node:timers/promises';
import { PipelineError, type Clock, type Random } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import {
  checkBatches,
  checkBatchIds,
  checkExceptions,
  checkPartition,
  checkPartitionCount,
  checkReceive,
} from '../check-arguments';
import type {
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
import type { Partitioning } from '../partitioning';
import type { QueueObserver } from '../queue-observer';
import { checkLeaseMs, checkOutcomes, checkReclaim } from './check-embedded';
import { guaranteeOf, logGuarantee, notOnDisk } from './disk-guarantee';
import { EmbeddedDeadLetters } from './embedded-dead-letters';
import { EmbeddedPartitions } from './embedded-partitions';
import { enqueueBatches, measure, pack } from './enqueue-batches';
import { EventWatch } from './event-watch';
import { extendLease, releaseLease } from './give-back';
import { NoRoomError } from './lmdb-errors';
import { heldBy, lookForEvents, needsUpkeep, readStats } from './partition-reads';
import { PartitionRecords, type LeaseRecord } from './partition-records';
import { QueueFolder } from './queue-folder';
import { checkQueueName, refuseUnknownQueue } from './queue-record';
import { findNothing, receiveEvents, toLease, type HandedOut } from './receive-events';
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
  /** Refuses to enqueue where the folder is on no disk, with QUEUE_NOT_DURABLE. */
  readonly strict?: boolean;
  /**
   * Refuses a name that no queue in the folder has, with CONFIG_INVALID, instead of making one; and
   * makes none later: where the files are lost, every call rejects from then on.
   */
  readonly mustExist?: boolean;
}

export interface EmbeddedQueueDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer?: QueueObserver;
}

const DEFAULT_MAP_SIZE_BYTES = 16 * 2 ** 30;
/** The only ids a lease is made with. */
const LEASE_ID = /^[0-9a-f-]{36}$/;

/**
 * Opens the queue in a folder, which several processes of one machine may share. CONFIG_INVALID, in
 * one line, when the folder cannot be used; QUEUE_CORRUPT when it holds something else.
 *
 * One queue a folder and process: two that open new files at once, after the old ones were lost, can
 * block each other for ever within lmdb 3.5.6.
 */
export async function openEmbeddedQueue(
  options: EmbeddedQueueOptions,
  dependencies: EmbeddedQueueDependencies,
): Promise<Queue> {
  const { path, name, mapSizeBytes = DEFAULT_MAP_SIZE_BYTES } = options;
  const folder = QueueFolder.open({ path, mapSizeBytes }, dependencies);
  try {
    checkQueueName(name);
    if (options.mustExist === true) {
      folder.read(() => refuseUnknownQueue(folder.db, options));
    }
    const partitions = await EmbeddedPartitions.open(folder, name, dependencies.clock);
    await folder.disk.look();
    logGuarantee(guaranteeOf(folder.disk, path), dependencies.logger);
    // Who asked for a queue that is there must not go on in another one: ids of dead letters, say, are
    // no others there.
    if (options.mustExist !== true) {
      folder.watch((environment) => partitions.carryOver(environment));
    }
    return new EmbeddedQueue(folder, options, dependencies, partitions);
  } catch (error) {
    await folder.close();
    throw error;
  }
}

/**
 * The queue port on LMDB: arguments checked, then one write transaction a call. What each transition
 * does stands in its own file; where everything lies, in layout.ts.
 *
 * Calls that only read have their answer at once. They wait for the next turn of the event loop all
 * the same: a caller that asks again and again would otherwise keep it from ever turning.
 */
class EmbeddedQueue implements Queue {
  readonly deadLetters: EmbeddedDeadLetters;
  private readonly watches = new Map<number, EventWatch>();

  constructor(
    private readonly folder: QueueFolder,
    private readonly options: EmbeddedQueueOptions,
    private readonly dependencies: EmbeddedQueueDependencies,
    private readonly partitions: EmbeddedPartitions,
  ) {
    this.deadLetters = new EmbeddedDeadLetters(folder, (partition) => {
      this.checkPartition(partition);
      return this.records(partition);
    });
  }

  partitionCount(): number {
    return this.partitions.count;
  }

  partitioning(): Partitioning {
    return this.partitions.current();
  }

  async resize(partitions: number): Promise<void> {
    checkPartitionCount(partitions);
    await this.partitions.resize(partitions);
  }

  async enqueue(
    partition: number,
    batches: readonly EnqueueBatch[],
  ): Promise<readonly EnqueueResult[]> {
    this.checkPartition(partition);
    checkBatches(batches);
    if (batches.length === 0) return [];
    const { disk } = this.folder;
    disk.refresh();
    if (this.options.strict === true && disk.isInMemory) throw notOnDisk(this.options.path);
    if (disk.isTight) return refuseAll(batches);
    const measured = batches.map(measure);
    const packed = pack(measured);
    try {
      return await this.folder.transact(() => {
        const { count, generation } = this.partitions.committed();
        return enqueueBatches(this.records(partition), measured, packed, {
          now: this.now(),
          generation: partition < count ? generation : undefined,
          limits: this.options.limits,
          heldElsewhere: heldBy(this.others(partition, count)),
          room: this.folder.intakeRoom(),
        });
      });
    } catch (error) {
      // Nothing was written, so the answer is a plain no.
      if (error instanceof NoRoomError) return refuseAll(batches);
      throw error;
    }
  }

  async remembers(partition: number, batchIds: readonly string[]): Promise<readonly boolean[]> {
    this.checkPartition(partition);
    checkBatchIds(batchIds);
    const now = this.now();
    const known = this.folder.read(() => {
      const records = this.records(partition);
      return batchIds.map((id) => (records.batch(id)?.expiresAt ?? -Infinity) > now);
    });
    return nextTurn(known);
  }

  async receive(request: ReceiveRequest): Promise<Received> {
    const { partition, leaseId, isolated } = request;
    this.checkPartition(partition);
    checkReceive(request);
    const [records, handedOut] = await this.receiveFrom(request);
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
    this.checkPartition(partition);
    checkReclaim(limits);
    // Most often nothing has expired: a look costs no one the write lock.
    const isDue = this.folder.read(() => needsUpkeep(this.records(partition), this.now()));
    if (!isDue) return nextTurn({ leases: 0, events: 0, dead: 0 });
    return this.folder.transact(() => reclaimLeases(this.records(partition), limits, this.now()));
  }

  async waitForEvents(partition: number, maxWaitMs: number, signal: AbortSignal): Promise<void> {
    this.checkPartition(partition);
    await this.watchOf(partition).wait(maxWaitMs, signal, () => this.folder.isClosed);
    await nextTurn();
  }

  async stats(partition: number): Promise<QueueStats> {
    this.checkPartition(partition);
    return nextTurn(this.folder.read(() => readStats(this.records(partition))));
  }

  async health(): Promise<QueueHealth> {
    const { path } = this.options;
    const { disk, isStuck, isClosed } = this.folder;
    const unavailable = (why: string) => new PipelineError('QUEUE_UNAVAILABLE', why);
    if (isClosed) throw unavailable('the queue is closed');
    if (isStuck) throw unavailable('the embedded queue does not answer: its lock is held');
    this.folder.checkPlace();
    await disk.look();
    if (disk.isTight) throw unavailable(`the disk of the folder "${path}" is full`);
    this.folder.read(() => this.records(0).state());
    return guaranteeOf(disk, path);
  }

  close(): Promise<void> {
    return this.folder.close();
  }

  private now(): number {
    return Math.floor(this.dependencies.clock.now());
  }

  /** The records of a partition for one transaction or one read. */
  private records(partition: number): PartitionRecords {
    return new PartitionRecords(this.folder.db, this.options.name, partition);
  }

  private withLease<T>(
    { id, partition, size }: LeaseRef,
    work: (records: PartitionRecords, lease: LeaseRecord) => T,
  ): Promise<T> {
    this.checkPartition(partition);
    return this.folder.transact(() => {
      const records = this.records(partition);
      const lease = LEASE_ID.test(id) ? records.lease(id) : undefined;
      if (lease === undefined) {
        throw new PipelineError('LEASE_LOST', `lease ${id} is not held any more`);
      }
      if (lease.size !== size) {
        throw new PipelineError('INVALID_ARGUMENT', `lease ${id} has ${lease.size} events`);
      }
      return work(records, lease);
    });
  }

  /** With the records it was read from, which know the chunks of a lease. */
  private async receiveFrom(request: ReceiveRequest): Promise<[PartitionRecords, HandedOut]> {
    const records = () => this.records(request.partition);
    const nothing = this.folder.read(() => findNothing(records(), request, this.now()));
    if (nothing !== undefined) return nextTurn([records(), nothing]);
    return this.folder.transact(() => {
      const read = records();
      return [read, receiveEvents(read, request, this.now())];
    });
  }

  private checkPartition(partition: number): void {
    checkPartition(partition, this.partitions.current());
  }

  private others(partition: number, count: number): PartitionRecords[] {
    const all = Array.from({ length: count }, (_, other) => other);
    return all.filter((other) => other !== partition).map((other) => this.records(other));
  }

  private watchOf(partition: number): EventWatch {
    let watch = this.watches.get(partition);
    if (watch === undefined) {
      watch = new EventWatch(
        () => this.folder.read(() => lookForEvents(this.records(partition), this.now())),
        this.dependencies.clock,
      );
      this.watches.set(partition, watch);
    }
    return watch;
  }

  private noteReceived(partition: number, { lease, wakeups }: HandedOut): void {
    const watch = this.watchOf(partition);
    if (lease === undefined) watch.foundNothing(wakeups);
    else watch.foundSomething();
  }
}

function refuseAll(batches: readonly EnqueueBatch[]): EnqueueResult[] {
  return batches.map(() => ({ outcome: 'refused', reason: 'QUEUE_FULL' }));
}
