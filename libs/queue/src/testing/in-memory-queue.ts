import { PackedEvents } from '../packed-events';
import { PipelineError, type Clock } from '@event-pipeline/runtime';
import {
  checkBatches,
  checkBatchIds,
  checkExceptions,
  checkPartition,
  checkPartitionCount,
  checkReceive,
} from '../check-arguments';
import type {
  Durability,
  EnqueueBatch,
  EnqueueResult,
  LeaseRef,
  Queue,
  QueueHealth,
  QueueLimits,
  QueueStats,
  ReceiveRequest,
  Received,
  Reclaimed,
  ReclaimLimits,
  SettleException,
} from '../queue';
import type { Partitioning } from '../partitioning';
import type { DeadLetter } from '../dead-letters';
import { InMemoryDeadLetters } from './in-memory-dead-letters';
import { bytesOf } from './in-memory-events';
import type { InMemoryPartition } from './in-memory-partition';
import { InMemoryPartitioning } from './in-memory-partitioning';
import type { Manner } from './in-memory-waiting';

export interface InMemoryQueueOptions {
  readonly partitions?: number;
  readonly limits?: Partial<QueueLimits>;
  /** What {@link Queue.health} claims. */
  readonly durability?: Durability;
  /** Default: `redis`. */
  readonly manner?: Manner;
}

/**
 * The queue port without a disk, for specs: it passes the contract suite, and its time is the given
 * clock's, so a test decides when a lease expires. The engines' model tests compare every answer with
 * its.
 */
export class InMemoryQueue implements Queue {
  readonly deadLetters = new InMemoryDeadLetters(
    (partition) => this.at(partition),
    (partition) => this.wake(partition),
  );
  private readonly partitions: InMemoryPartitioning;
  private readonly waiters = new Map<InMemoryPartition, Set<() => void>>();

  constructor(
    private readonly clock: Clock,
    private readonly options: InMemoryQueueOptions = {},
  ) {
    const { partitions = 1, manner = 'redis' } = options;
    this.partitions = new InMemoryPartitioning(partitions, clock, manner);
  }

  partitionCount(): number {
    return this.partitions.current().count;
  }

  partitioning(): Partitioning {
    return this.partitions.current();
  }

  async resize(partitions: number): Promise<void> {
    checkPartitionCount(partitions);
    this.partitions.resize(partitions);
  }

  /** Makes a dead letter of a text that did not come by way of the queue, and need be no event. */
  buryForeign(body: string): void {
    this.at(0).buryForeign(body, this.now());
  }

  /** All dead letters of a partition at once, oldest first. */
  deadLettersIn(partition = 0): readonly DeadLetter[] {
    return this.at(partition).dead.letters;
  }

  async enqueue(
    number: number,
    batches: readonly EnqueueBatch[],
  ): Promise<readonly EnqueueResult[]> {
    const partition = this.at(number);
    checkBatches(batches);
    const { count, generation } = this.partitioning();
    const results = batches.map((batch) => {
      const isCurrent = number < count && (batch.generation ?? generation) >= generation;
      const refusal = this.wouldOverflow(partition, PackedEvents.of(batch.bodies))
        ? 'QUEUE_FULL'
        : undefined;
      return partition.enqueue(batch, this.now(), isCurrent ? refusal : 'PARTITIONS_CHANGED');
    });
    if (partition.waiting.hasEvents()) this.wake(partition);
    return results;
  }

  async remembers(number: number, batchIds: readonly string[]): Promise<readonly boolean[]> {
    checkBatchIds(batchIds);
    const partition = this.at(number);
    return batchIds.map((id) => partition.remembers(id, this.now()));
  }

  async receive(request: ReceiveRequest): Promise<Received> {
    checkReceive(request);
    const partition = this.at(request.partition);
    const isNew = partition.receive(request, this.now());
    if (isNew && partition.waiting.hasEvents()) this.wake(partition);
    return partition.answer(request.partition, request.leaseId, this.now());
  }

  async settle(lease: LeaseRef, exceptions: readonly SettleException[]): Promise<void> {
    const partition = this.at(lease.partition);
    checkExceptions(partition.lease(lease).items.length, exceptions);
    partition.settle(lease, exceptions, this.now());
    if (exceptions.some(({ outcome }) => outcome !== 'dead')) this.wake(partition);
  }

  async extend(lease: LeaseRef, leaseMs: number): Promise<void> {
    this.at(lease.partition).lease(lease).expiresAt = this.now() + leaseMs;
  }

  async release(lease: LeaseRef): Promise<void> {
    const partition = this.at(lease.partition);
    partition.release(lease);
    this.wake(partition);
  }

  async reclaim(number: number, limits: ReclaimLimits): Promise<Reclaimed> {
    const partition = this.at(number);
    const reclaimed = partition.reclaim(limits, this.now());
    for (let lease = 0; lease < reclaimed.leases; lease++) this.wake(partition);
    return reclaimed;
  }

  async waitForEvents(number: number, maxWaitMs: number, signal: AbortSignal): Promise<void> {
    const partition = this.at(number);
    if (partition.waiting.hasEvents() || signal.aborted) return;
    const woken = new AbortController();
    const end = () => woken.abort();
    const waiters = this.waiters.get(partition) ?? new Set();
    this.waiters.set(partition, waiters.add(end));
    signal.addEventListener('abort', end, { once: true });
    await this.clock.sleep(maxWaitMs, woken.signal);
    waiters.delete(end);
    signal.removeEventListener('abort', end);
  }

  async stats(partition: number): Promise<QueueStats> {
    return this.at(partition).stats();
  }

  async health(): Promise<QueueHealth> {
    return { durability: this.options.durability ?? 'memory', detail: 'in memory, for specs' };
  }

  async close(): Promise<void> {
    for (const partition of this.partitions.all) this.wake(partition);
  }

  private now(): number {
    return this.clock.now();
  }

  private at(partition: number): InMemoryPartition {
    checkPartition(partition, this.partitioning());
    const found = this.partitions.all[partition];
    if (found === undefined) throw new PipelineError('INVALID_ARGUMENT', `partition ${partition}`);
    return found;
  }

  private wouldOverflow(
    partition: InMemoryPartition,
    { length, bytes: added }: PackedEvents,
  ): boolean {
    const { maxEvents = 0, maxBytes = 0 } = this.options.limits ?? {};
    if (maxEvents === 0 && maxBytes === 0) return false;
    const { count } = this.partitioning();
    const others = this.partitions.all.slice(0, count).filter((other) => other !== partition);
    const held = [partition, ...others].flatMap((one) => one.held());
    const bytes = bytesOf(held) + added;
    const events = held.length + length;
    return (maxEvents > 0 && events > maxEvents) || (maxBytes > 0 && bytes > maxBytes);
  }

  /** One waiter at a time, as with tokens: a receive that leaves events behind wakes the next. */
  private wake(partition: InMemoryPartition): void {
    const waiters = this.waiters.get(partition);
    const [waiter] = waiters ?? [];
    if (waiter === undefined) return;
    waiters?.delete(waiter);
    waiter();
  }
}
