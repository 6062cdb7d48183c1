import { PipelineError, type Clock } from '@event-pipeline/runtime';
import {
  checkBatches,
  checkBatchIds,
  checkPartition,
  checkPartitionCount,
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
import {
  heldIn,
  takeFitting,
  wake,
  type DeadLetter,
  type HeldLease,
  type Item,
  type LeaseKind,
  type Partition,
} from './in-memory-partition';
import { InMemoryPartitioning } from './in-memory-partitioning';

export interface InMemoryQueueOptions {
  readonly partitions?: number;
  readonly limits?: Partial<QueueLimits>;
  /** What {@link Queue.health} claims. */
  readonly durability?: Durability;
}

/**
 * The queue port without a disk, for specs: it passes the contract suite, and its time is the given
 * clock's, so a test decides when a lease expires.
 */
export class InMemoryQueue implements Queue {
  private readonly partitions: InMemoryPartitioning;

  constructor(
    private readonly clock: Clock,
    private readonly options: InMemoryQueueOptions = {},
  ) {
    this.partitions = new InMemoryPartitioning(options.partitions ?? 1, clock);
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

  /** The dead letters of a partition, oldest first. */
  deadLetters(partition = 0): readonly DeadLetter[] {
    return this.at(partition).dead;
  }

  async enqueue(
    partition: number,
    batches: readonly EnqueueBatch[],
  ): Promise<readonly EnqueueResult[]> {
    const target = this.at(partition);
    checkBatches(batches);
    const { count, generation } = this.partitioning();
    return batches.map((batch) => {
      const isCurrent = partition < count && (batch.generation ?? generation) === generation;
      return this.enqueueOne(target, batch, isCurrent);
    });
  }

  async remembers(partition: number, batchIds: readonly string[]): Promise<readonly boolean[]> {
    checkBatchIds(batchIds);
    const { batches } = this.at(partition);
    return batchIds.map((id) => (batches.get(id)?.until ?? -Infinity) > this.clock.now());
  }

  async receive(request: ReceiveRequest): Promise<Received> {
    const { leaseId, maxEvents, maxBytes, leaseMs } = request;
    const partition = this.at(request.partition);
    refuseUnless(/^[0-9a-f-]{36}$/.test(leaseId), 'lease id');
    refuseUnless(maxEvents >= 1 && maxEvents <= 1_000, 'maxEvents');
    refuseUnless(maxBytes >= 1 && leaseMs >= 1, 'limits');
    if (!partition.leases.has(leaseId)) {
      const taken = this.take(partition, request);
      if (taken.items.length > 0) {
        const handedOutAt = this.clock.now();
        partition.leases.set(leaseId, { ...taken, handedOutAt, expiresAt: handedOutAt + leaseMs });
        if (partition.pending.length + partition.groups.length > 0) wake(partition);
      }
    }
    return this.answer(request.partition, leaseId);
  }

  async settle(lease: LeaseRef, exceptions: readonly SettleException[]): Promise<void> {
    const partition = this.at(lease.partition);
    const held = this.held(lease);
    let last = -1;
    for (const exception of exceptions) {
      refuseUnless(exception.index > last && exception.index < held.items.length, 'index');
      if ('delayMs' in exception) refuseUnless(exception.delayMs >= 0, 'delayMs');
      last = exception.index;
    }
    partition.leases.delete(lease.id);
    const released: Item[] = [];
    for (const exception of exceptions) {
      const item = held.items[exception.index] as Item;
      if (exception.outcome === 'release') released.push(item);
      else this.fail(partition, item, exception);
    }
    partition.counters.processed += held.items.length - exceptions.length;
    this.giveBack(partition, held.kind, released);
  }

  async extend(lease: LeaseRef, leaseMs: number): Promise<void> {
    this.held(lease).expiresAt = this.clock.now() + leaseMs;
  }

  async release(lease: LeaseRef): Promise<void> {
    const held = this.held(lease);
    const partition = this.at(lease.partition);
    partition.leases.delete(lease.id);
    this.giveBack(partition, held.kind, held.items);
  }

  async reclaim(number: number, limits: ReclaimLimits): Promise<Reclaimed> {
    const partition = this.at(number);
    const total = { leases: 0, events: 0, dead: 0 };
    for (const [id, { kind, items, expiresAt }] of [...partition.leases]) {
      if (expiresAt > this.clock.now() || total.leases >= limits.maxLeases) continue;
      partition.leases.delete(id);
      partition.counters.expiredLeases++;
      total.leases++;
      total.events += items.length;
      const [first] = items as [Item];
      if (kind === 'isolated') total.dead += this.crashed(partition, first, limits.maxCrashes);
      else if (items.length === 1) partition.isolated.push(first);
      else {
        const half = Math.ceil(items.length / 2);
        partition.groups.push(items.slice(0, half), items.slice(half));
      }
      wake(partition);
    }
    const groups = partition.groups.splice(0);
    for (const group of groups) {
      if (group.length === 1) partition.isolated.push(group[0] as Item);
      else partition.groups.push(group);
    }
    return total;
  }

  async waitForEvents(number: number, maxWaitMs: number, signal: AbortSignal): Promise<void> {
    const partition = this.at(number);
    if (partition.pending.length + partition.groups.length > 0 || signal.aborted) return;
    const woken = new AbortController();
    const end = () => woken.abort();
    partition.waiters.add(end);
    signal.addEventListener('abort', end, { once: true });
    await this.clock.sleep(maxWaitMs, woken.signal);
    partition.waiters.delete(end);
    signal.removeEventListener('abort', end);
  }

  async stats(number: number): Promise<QueueStats> {
    const partition = this.at(number);
    const { pending, groups, isolated, leases, delayed, dead, counters } = partition;
    const suspects = [...groups.flat(), ...isolated];
    const leased = [...leases.values()].flatMap(({ items }) => items);
    const { enqueued, processed, retried, expiredLeases, duplicateBatches } = counters;
    return {
      enqueued,
      processed,
      retried,
      expiredLeases,
      duplicateBatches,
      pending: pending.length,
      suspect: suspects.length,
      leased: leased.length,
      delayed: delayed.length,
      dead: dead.length,
      purged: 0,
      leases: leases.size,
      bytes: bytesOf(heldIn(partition)),
      ...(pending[0] === undefined ? {} : { oldestPending: pending[0].body }),
    };
  }

  async health(): Promise<QueueHealth> {
    return { durability: this.options.durability ?? 'memory', detail: 'in memory, for specs' };
  }

  async close(): Promise<void> {
    for (const partition of this.partitions.all) wake(partition);
  }

  private at(partition: number): Partition {
    checkPartition(partition, this.partitioning());
    return this.partitions.all[partition] as Partition;
  }

  private held(lease: LeaseRef): HeldLease {
    const held = this.at(lease.partition).leases.get(lease.id);
    if (held === undefined) throw new PipelineError('LEASE_LOST', `lease ${lease.id} is not held`);
    return held;
  }

  private enqueueOne(partition: Partition, batch: EnqueueBatch, isCurrent: boolean): EnqueueResult {
    const { id, digest, answer, bodies, rememberMs } = batch;
    const known = partition.batches.get(id);
    if (known !== undefined && known.until > this.clock.now()) {
      if (known.digest !== digest) return { outcome: 'refused', reason: 'BATCH_ID_REUSED' };
      partition.counters.duplicateBatches++;
      return { outcome: 'duplicate', answer: known.answer };
    }
    if (!isCurrent) return { outcome: 'refused', reason: 'PARTITIONS_CHANGED' };
    if (this.wouldOverflow(partition, bodies)) return { outcome: 'refused', reason: 'QUEUE_FULL' };
    partition.batches.set(id, { digest, answer, until: this.clock.now() + rememberMs });
    partition.counters.enqueued += bodies.length;
    for (const body of bodies) {
      partition.pending.push({ body, attempts: 0, crashes: 0, firstFailureAt: 0 });
    }
    if (bodies.length > 0) wake(partition);
    return { outcome: 'queued' };
  }

  private wouldOverflow(partition: Partition, bodies: readonly string[]): boolean {
    const { maxEvents = 0, maxBytes = 0 } = this.options.limits ?? {};
    if (maxEvents === 0 && maxBytes === 0) return false;
    const { count } = this.partitioning();
    const others = this.partitions.all.slice(0, count).filter((other) => other !== partition);
    const held = [partition, ...others].flatMap(heldIn);
    const bytes = bytesOf(held) + bytesOf(bodies.map((body) => ({ body })));
    const events = held.length + bodies.length;
    return (maxEvents > 0 && events > maxEvents) || (maxBytes > 0 && bytes > maxBytes);
  }

  private take(
    partition: Partition,
    { isolated, maxEvents, maxBytes }: ReceiveRequest,
  ): { kind: LeaseKind; items: Item[] } {
    if (isolated === 'only') {
      return { kind: 'isolated', items: partition.isolated.splice(0, 1) };
    }
    const hasPending = partition.pending.length > 0;
    const group = partition.groups[0];
    if (group !== undefined && (!hasPending || partition.counters.suspectTurns++ % 2 === 0)) {
      const items = takeFitting(group, maxEvents, maxBytes, []);
      if (group.length === 0) partition.groups.shift();
      return { kind: 'suspect', items };
    }
    const items = this.takeDue(partition, hasPending ? Math.ceil(maxEvents / 2) : maxEvents);
    takeFitting(partition.pending, maxEvents, maxBytes, items);
    return { kind: 'pending', items };
  }

  private takeDue(partition: Partition, limit: number): Item[] {
    const items: Item[] = [];
    partition.delayed.sort((a, b) => a.dueAt - b.dueAt);
    while (items.length < limit) {
      const next = partition.delayed[0];
      if (next === undefined || next.dueAt > this.clock.now()) break;
      partition.delayed.shift();
      items.push(next.item);
    }
    return items;
  }

  private answer(number: number, leaseId: string): Received {
    const partition = this.at(number);
    const held = partition.leases.get(leaseId);
    const due = partition.delayed.map(({ dueAt }) => dueAt);
    const nextDueMs = Math.max(0, Math.min(...due) - this.clock.now());
    return {
      isolatedWaiting: partition.isolated.length > 0,
      ...(held === undefined
        ? {}
        : {
            lease: {
              partition: number,
              id: leaseId,
              size: held.items.length,
              handedOutAt: held.handedOutAt,
              deliveries: held.items.map((item) => ({ ...item })),
            },
          }),
      ...(due.length === 0 ? {} : { nextDueMs }),
    };
  }

  private fail(partition: Partition, item: Item, exception: SettleException): void {
    const now = this.clock.now();
    if (exception.outcome === 'retry') {
      partition.counters.retried++;
      const { body, crashes, attempts, firstFailureAt } = item;
      partition.delayed.push({
        dueAt: now + exception.delayMs,
        item: { body, crashes, attempts: attempts + 1, firstFailureAt: firstFailureAt || now },
      });
      wake(partition);
    } else if (exception.outcome === 'defer') {
      partition.delayed.push({ dueAt: now + exception.delayMs, item });
      wake(partition);
    } else if (exception.outcome === 'dead') {
      const { reason, error, handler } = exception;
      partition.dead.push({
        body: item.body,
        reason,
        error,
        handler,
        attempts: item.attempts + 1,
      });
    }
  }

  /** Returns 1 when it makes a dead letter. */
  private crashed(partition: Partition, item: Item, maxCrashes: number): number {
    const crashes = item.crashes + 1;
    if (crashes < maxCrashes) {
      partition.isolated.push({ ...item, crashes });
      return 0;
    }
    partition.dead.push({
      body: item.body,
      reason: 'crashed-worker',
      error: `crashed ${crashes} times`,
      handler: '',
      attempts: item.attempts,
    });
    return 1;
  }

  private giveBack(partition: Partition, kind: LeaseKind, items: readonly Item[]): void {
    if (items.length === 0) return;
    if (kind === 'pending') partition.pending.unshift(...items);
    else if (kind === 'suspect' && items.length > 1) partition.groups.unshift([...items]);
    else partition.isolated.unshift(...items);
    wake(partition);
  }
}

function bytesOf(events: readonly { readonly body: string }[]): number {
  return events.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0);
}

function refuseUnless(condition: boolean, what: string): void {
  if (!condition) throw new PipelineError('INVALID_ARGUMENT', what);
}
