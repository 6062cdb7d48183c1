import { PipelineError } from '@event-pipeline/runtime';
import type {
  Delivery,
  EnqueueBatch,
  EnqueueResult,
  LeaseRef,
  QueueStats,
  ReceiveRequest,
  Received,
  Reclaimed,
  ReclaimLimits,
  SettleException,
} from '../queue';
import { Graveyard } from './in-memory-dead-letters';
import {
  bytesOf,
  insert,
  takeFitting,
  type HeldLease,
  type LeaseKind,
  type Waiting,
} from './in-memory-events';

/**
 * Where the port leaves room, engines differ, and whoever compares answers has to choose:
 *
 * - `redis` puts what is given back in front of everything that waits, due retries among the pending
 *   events; retries of one settle that fall due together come in the order of their index as a text
 *   ("10" before "2").
 * - `embedded` puts it back to its old place, due retries among the retries; retries that fall due
 *   together come in the order of their index.
 */
export type Manner = 'redis' | 'embedded';

/**
 * One partition as the port describes it, in the plainest form: lists of events, one for each state,
 * and no storage. The reference that the model tests hold the engines to.
 */
export class InMemoryPartition {
  readonly dead = new Graveyard();
  private readonly pending: Waiting[] = [];
  private readonly groups: Waiting[][] = [];
  private readonly isolated: Waiting[] = [];
  private readonly delayed: Waiting[] = [];
  private readonly leases = new Map<string, HeldLease>();
  private readonly batches = new Map<string, { digest: string; answer: string; until: number }>();
  private enqueued = 0;
  private processed = 0;
  private purged = 0;
  private retried = 0;
  private expiredLeases = 0;
  private duplicateBatches = 0;
  private suspectTurns = 0;
  private lastPlace = 0;
  private firstPlace = 0;

  constructor(private readonly manner: Manner) {}

  /** Every event that the partition holds, dead letters included. */
  held(): { readonly body: string }[] {
    const leased = [...this.leases.values()].flatMap(({ items }) => items);
    const waiting = [...this.pending, ...this.groups.flat(), ...this.isolated, ...this.delayed];
    return [...waiting, ...leased, ...this.dead.letters];
  }

  /** Whether a receive that passes isolated suspects by would find something. */
  hasEvents(): boolean {
    return this.pending.length + this.groups.length > 0;
  }

  remembers(batchId: string, now: number): boolean {
    return (this.batches.get(batchId)?.until ?? -Infinity) > now;
  }

  enqueue(
    { id, digest, answer, bodies, rememberMs }: EnqueueBatch,
    now: number,
    refusal: 'PARTITIONS_CHANGED' | 'QUEUE_FULL' | undefined,
  ): EnqueueResult {
    const known = this.batches.get(id);
    if (known !== undefined && known.until > now) {
      if (known.digest !== digest) return { outcome: 'refused', reason: 'BATCH_ID_REUSED' };
      this.duplicateBatches++;
      return { outcome: 'duplicate', answer: known.answer };
    }
    if (refusal !== undefined) return { outcome: 'refused', reason: refusal };
    this.batches.set(id, { digest, answer, until: now + rememberMs });
    this.enqueued += bodies.length;
    for (const body of bodies) this.append(body);
    return { outcome: 'queued' };
  }

  /** Puts a dead letter back at the end of the line; false where it is gone. */
  redrive(id: string): boolean {
    const letter = this.dead.takeOut(id);
    if (letter !== undefined) this.append(letter.body);
    return letter !== undefined;
  }

  /** Drops a dead letter; false where it is gone. */
  purge(id: string): boolean {
    const isThere = this.dead.takeOut(id) !== undefined;
    if (isThere) this.purged++;
    return isThere;
  }

  /** Returns whether it made a lease. */
  receive(request: ReceiveRequest, now: number): boolean {
    const { leaseId, leaseMs } = request;
    if (this.leases.has(leaseId)) return false;
    const taken = this.take(request, now);
    if (taken.items.length === 0) return false;
    this.leases.set(leaseId, { ...taken, handedOutAt: now, expiresAt: now + leaseMs });
    return true;
  }

  answer(partition: number, leaseId: string, now: number): Received {
    const held = this.leases.get(leaseId);
    const nextDue = this.delayed[0]?.dueAt;
    return {
      isolatedWaiting: this.isolated.length > 0,
      ...(held && {
        lease: {
          partition,
          id: leaseId,
          size: held.items.length,
          handedOutAt: held.handedOutAt,
          deliveries: held.items.map(toDelivery),
        },
      }),
      ...(nextDue !== undefined && { nextDueMs: Math.max(0, nextDue - now) }),
    };
  }

  /** @throws PipelineError LEASE_LOST */
  lease({ id }: LeaseRef): HeldLease {
    const held = this.leases.get(id);
    if (held === undefined) throw new PipelineError('LEASE_LOST', `lease ${id} is not held`);
    return held;
  }

  settle(ref: LeaseRef, exceptions: readonly SettleException[], now: number): void {
    const { kind, items } = this.lease(ref);
    this.leases.delete(ref.id);
    const released: Waiting[] = [];
    for (const exception of this.inOrderOfTies(exceptions)) {
      const item = items[exception.index] as Waiting;
      const { outcome } = exception;
      if (outcome === 'retry') this.retry(item, now + exception.delayMs, now);
      if (outcome === 'defer') this.delay(item, now + exception.delayMs);
    }
    for (const exception of exceptions) {
      const item = items[exception.index] as Waiting;
      if (exception.outcome === 'release') released.push(item);
      if (exception.outcome === 'dead') {
        this.dead.bury({ ...item, attempts: item.attempts + 1 }, exception, now);
      }
    }
    this.processed += items.length - exceptions.length;
    this.giveBack(kind, released);
  }

  release(ref: LeaseRef): void {
    const { kind, items } = this.lease(ref);
    this.leases.delete(ref.id);
    this.giveBack(kind, items);
  }

  reclaim({ maxLeases, maxCrashes }: ReclaimLimits, now: number): Reclaimed {
    const total = { leases: 0, events: 0, dead: 0 };
    const expired = [...this.leases].filter(([, { expiresAt }]) => expiresAt <= now);
    expired.sort(([, one], [, other]) => one.expiresAt - other.expiresAt);
    for (const [id, { kind, items }] of expired.slice(0, maxLeases)) {
      this.leases.delete(id);
      this.expiredLeases++;
      total.leases++;
      total.events += items.length;
      if (kind === 'isolated') total.dead += this.crashed(items[0] as Waiting, maxCrashes, now);
      else this.suspectHalves(items);
    }
    return total;
  }

  stats(): QueueStats {
    const { pending, groups, isolated, leases, delayed, dead } = this;
    const { enqueued, processed, purged, retried, expiredLeases, duplicateBatches } = this;
    return {
      enqueued,
      processed,
      purged,
      retried,
      expiredLeases,
      duplicateBatches,
      pending: pending.length,
      suspect: groups.flat().length + isolated.length,
      leased: [...leases.values()].flatMap(({ items }) => items).length,
      delayed: delayed.length,
      dead: dead.letters.length,
      leases: leases.size,
      bytes: bytesOf(this.held()),
      ...(pending[0] === undefined ? {} : { oldestPending: pending[0].body }),
    };
  }

  private take(
    { isolated, maxEvents, maxBytes }: ReceiveRequest,
    now: number,
  ): { kind: LeaseKind; items: Waiting[] } {
    if (isolated === 'only') return { kind: 'isolated', items: this.isolated.splice(0, 1) };
    const hasPending = this.pending.length > 0;
    const [group] = this.groups;
    if (group !== undefined && (!hasPending || this.suspectTurns++ % 2 === 0)) {
      const items = takeFitting(group, maxEvents, maxBytes, []);
      if (group.length === 0) this.groups.shift();
      return { kind: 'suspect', items };
    }
    const share = hasPending ? 2 : 1;
    const items: Waiting[] = [];
    const due = this.delayed.filter(({ dueAt = 0 }) => dueAt <= now);
    takeFitting(due, Math.ceil(maxEvents / share), Math.ceil(maxBytes / share), items);
    this.delayed.splice(0, items.length);
    if (bytesOf(items) < maxBytes) takeFitting(this.pending, maxEvents, maxBytes, items);
    return { kind: 'pending', items };
  }

  private inOrderOfTies(exceptions: readonly SettleException[]): readonly SettleException[] {
    if (this.manner === 'embedded') return exceptions;
    return [...exceptions].sort((one, other) => (`${one.index}` < `${other.index}` ? -1 : 1));
  }

  private append(body: string): void {
    const stored = ++this.lastPlace;
    const fresh = { attempts: 0, crashes: 0, firstFailureAt: 0 };
    this.pending.push({ body, ...fresh, stored, place: stored });
  }

  private retry(item: Waiting, dueAt: number, now: number): void {
    const { attempts, firstFailureAt } = item;
    const counts = { attempts: attempts + 1, firstFailureAt: firstFailureAt || now };
    this.delay({ ...item, ...counts, stored: ++this.lastPlace }, dueAt);
    this.retried++;
  }

  private delay(item: Waiting, dueAt: number): void {
    const place = this.manner === 'embedded' ? item.stored : ++this.lastPlace;
    insert(this.delayed, { ...item, dueAt, place });
  }

  private suspectHalves(items: readonly Waiting[]): void {
    const half = Math.ceil(items.length / 2);
    for (const part of [items.slice(0, half), items.slice(half)]) {
      const suspects = part.map((item) => this.last(item));
      if (suspects.length > 1) this.groups.push(suspects);
      else this.isolated.push(...suspects);
    }
  }

  /** Returns 1 when it makes a dead letter. */
  private crashed(item: Waiting, maxCrashes: number, now: number): number {
    const crashed = {
      ...item,
      crashes: item.crashes + 1,
      firstFailureAt: item.firstFailureAt || now,
      stored: ++this.lastPlace,
    };
    const { crashes } = crashed;
    if (crashes < maxCrashes) {
      this.isolated.push(this.last(crashed));
      return 0;
    }
    const error = `the worker ended ${crashes} times with this event alone in hand`;
    this.dead.bury(crashed, { reason: 'crashed-worker', error, handler: '' }, now);
    return 1;
  }

  private giveBack(kind: LeaseKind, given: readonly Waiting[]): void {
    if (given.length === 0) return;
    const items = this.manner === 'embedded' ? given : this.inFront(given);
    if (kind === 'suspect') return insert(this.groups, [...items], ([first]) => first as Waiting);
    for (const item of items) {
      if (kind === 'isolated') insert(this.isolated, item);
      else insert(item.dueAt === undefined ? this.pending : this.delayed, item);
    }
  }

  /** With places before those of all that wait. */
  private inFront(items: readonly Waiting[]): Waiting[] {
    this.firstPlace -= items.length;
    return items.map((item, index) => placed(item, this.firstPlace + index));
  }

  private last(item: Waiting): Waiting {
    return placed(item, ++this.lastPlace);
  }
}

/** Forgets when a retry fell due. */
function placed(item: Waiting, place: number): Waiting {
  return { ...toDelivery(item), stored: item.stored, place };
}

function toDelivery({ body, attempts, crashes, firstFailureAt }: Waiting): Delivery {
  return { body, attempts, crashes, firstFailureAt };
}
