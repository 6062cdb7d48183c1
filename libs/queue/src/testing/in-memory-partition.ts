import type { DeadReason } from '../queue';

/** An event as it lies in the queue. */
export interface Item {
  readonly body: string;
  readonly attempts: number;
  readonly crashes: number;
  readonly firstFailureAt: number;
}

export type LeaseKind = 'pending' | 'suspect' | 'isolated';

export interface HeldLease {
  readonly kind: LeaseKind;
  readonly items: readonly Item[];
  readonly handedOutAt: number;
  expiresAt: number;
}

/** A dead letter, as the tests look at it. */
export interface DeadLetter {
  readonly body: string;
  readonly reason: DeadReason;
  readonly error: string;
  readonly handler: string;
  readonly attempts: number;
}

interface Counters {
  enqueued: number;
  processed: number;
  retried: number;
  expiredLeases: number;
  duplicateBatches: number;
  suspectTurns: number;
}

/** Where the events of one partition are, by their state. */
export class Partition {
  readonly pending: Item[] = [];
  readonly groups: Item[][] = [];
  readonly isolated: Item[] = [];
  readonly leases = new Map<string, HeldLease>();
  readonly delayed: { readonly dueAt: number; readonly item: Item }[] = [];
  readonly dead: DeadLetter[] = [];
  readonly batches = new Map<string, { digest: string; answer: string; until: number }>();
  readonly waiters = new Set<() => void>();
  readonly counters: Counters = {
    enqueued: 0,
    processed: 0,
    retried: 0,
    expiredLeases: 0,
    duplicateBatches: 0,
    suspectTurns: 0,
  };
}

/** Every event that the partition holds, dead letters included. */
export function heldIn(partition: Partition): { readonly body: string }[] {
  const { pending, groups, isolated, leases, delayed, dead } = partition;
  const leased = [...leases.values()].flatMap(({ items }) => items);
  const waiting = delayed.map(({ item }) => item);
  return [...pending, ...groups.flat(), ...isolated, ...leased, ...waiting, ...dead];
}

/** Moves events from one list to the other until the other is full; one fits in any case. */
export function takeFitting(
  from: Item[],
  maxEvents: number,
  maxBytes: number,
  items: Item[],
): Item[] {
  let bytes = items.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0);
  let count = 0;
  for (const { body } of from) {
    bytes += Buffer.byteLength(body);
    const isFirst = items.length + count === 0;
    if (items.length + count >= maxEvents || (bytes > maxBytes && !isFirst)) break;
    count++;
  }
  items.push(...from.splice(0, count));
  return items;
}

/** One waiter at a time, as with tokens: a receive that leaves events behind wakes the next. */
export function wake(partition: Partition): void {
  const [waiter] = partition.waiters;
  if (waiter === undefined) return;
  partition.waiters.delete(waiter);
  waiter();
}
