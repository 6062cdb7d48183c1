import { PipelineError } from '@event-pipeline/runtime';
import type {
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
import type { LetterOutcome } from '../dead-letters';
import { isEventText } from '../event-text';
import { PackedEvents } from '../packed-events';
import { Graveyard } from './in-memory-dead-letters';
import { bytesOf, type HeldLease, type Waiting } from './in-memory-events';
import { toDelivery, WaitingLines, type Manner } from './in-memory-waiting';

/**
 * One partition as the port describes it, in the plainest form: lists of events, one for each state,
 * and no storage. The reference that the model tests hold the engines to.
 */
export class InMemoryPartition {
  readonly dead = new Graveyard();
  readonly waiting: WaitingLines;
  private readonly leases = new Map<string, HeldLease>();
  private readonly batches = new Map<string, { digest: string; answer: string; until: number }>();
  private enqueued = 0;
  private processed = 0;
  private purged = 0;
  private retried = 0;
  private expiredLeases = 0;
  private duplicateBatches = 0;

  constructor(private readonly manner: Manner) {
    this.waiting = new WaitingLines(manner);
  }

  /** Every event that the partition holds, dead letters included. */
  held(): { readonly body: string }[] {
    const leased = [...this.leases.values()].flatMap(({ items }) => items);
    return [...this.waiting.all, ...leased, ...this.dead.letters];
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
    for (const body of PackedEvents.of(bodies).texts()) this.waiting.append(body);
    return { outcome: 'queued' };
  }

  /** A dead letter of a text that did not come by way of the queue. */
  buryForeign(body: string, now: number): void {
    this.enqueued++;
    const item = { body, attempts: 1, crashes: 0, firstFailureAt: now };
    this.dead.bury(item, { reason: 'undecodable', error: 'no event', handler: '' }, now);
  }

  /** Puts a dead letter back at the end of the line. */
  redrive(id: string): LetterOutcome {
    const letter = this.dead.find(id);
    if (letter === undefined) return 'gone';
    if (!isEventText(letter.body)) return 'refused';
    this.dead.takeOut(id);
    this.waiting.append(letter.body);
    return 'moved';
  }

  /** Drops a dead letter. */
  purge(id: string): LetterOutcome {
    if (this.dead.takeOut(id) === undefined) return 'gone';
    this.purged++;
    return 'moved';
  }

  /** Returns whether it made a lease. */
  receive(request: ReceiveRequest, now: number): boolean {
    const { leaseId, leaseMs } = request;
    if (this.leases.has(leaseId)) return false;
    const taken = this.waiting.take(request, now);
    if (taken.items.length === 0) return false;
    this.leases.set(leaseId, { ...taken, handedOutAt: now, expiresAt: now + leaseMs });
    return true;
  }

  answer(partition: number, leaseId: string, now: number): Received {
    const held = this.leases.get(leaseId);
    const nextDue = this.waiting.delayed[0]?.dueAt;
    return {
      isolatedWaiting: this.waiting.isolated.length > 0,
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
      if (outcome === 'retry') {
        this.waiting.retry(item, now + exception.delayMs, now);
        this.retried++;
      }
      if (outcome === 'defer') this.waiting.delay(item, now + exception.delayMs);
    }
    for (const exception of exceptions) {
      const item = items[exception.index] as Waiting;
      if (exception.outcome === 'release') released.push(item);
      if (exception.outcome === 'dead') {
        this.dead.bury({ ...item, attempts: item.attempts + 1 }, exception, now);
      }
    }
    this.processed += items.length - exceptions.length;
    this.waiting.giveBack(kind, released);
  }

  release(ref: LeaseRef): void {
    const { kind, items } = this.lease(ref);
    this.leases.delete(ref.id);
    this.waiting.giveBack(kind, items);
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
      else this.waiting.suspectHalves(items);
    }
    return total;
  }

  stats(): QueueStats {
    const { leases, dead } = this;
    const { pending, suspects, delayed } = this.waiting;
    const { enqueued, processed, purged, retried, expiredLeases, duplicateBatches } = this;
    return {
      enqueued,
      processed,
      purged,
      retried,
      expiredLeases,
      duplicateBatches,
      pending: pending.length,
      suspect: suspects.length,
      leased: [...leases.values()].flatMap(({ items }) => items).length,
      delayed: delayed.length,
      dead: dead.letters.length,
      leases: leases.size,
      bytes: bytesOf(this.held()),
      ...(pending[0] === undefined ? {} : { oldestPending: pending[0].body }),
    };
  }

  private inOrderOfTies(exceptions: readonly SettleException[]): readonly SettleException[] {
    if (this.manner === 'embedded') return exceptions;
    return [...exceptions].sort((one, other) => (`${one.index}` < `${other.index}` ? -1 : 1));
  }

  /** Returns 1 when it makes a dead letter. */
  private crashed(item: Waiting, maxCrashes: number, now: number): number {
    const crashes = item.crashes + 1;
    const crashed = { ...item, crashes, firstFailureAt: item.firstFailureAt || now };
    if (crashes < maxCrashes) {
      this.waiting.isolate(crashed);
      return 0;
    }
    const error = `the worker ended ${crashes} times with this event alone in hand`;
    this.dead.bury(crashed, { reason: 'crashed-worker', error, handler: '' }, now);
    return 1;
  }
}
