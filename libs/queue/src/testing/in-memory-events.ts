/** An event as it lies in the queue. */
export interface Item {
  readonly body: string;
  readonly attempts: number;
  readonly crashes: number;
  readonly firstFailureAt: number;
}

/** An event that waits to be handed out; smaller places come first. */
export interface Waiting extends Item {
  /** Rises with each event that is stored: new, or again with other counts. */
  readonly stored: number;
  readonly place: number;
  /** Of a retry: when it falls due, Unix ms. Earlier ones come first, then smaller places. */
  readonly dueAt?: number;
}

export type LeaseKind = 'pending' | 'suspect' | 'isolated';

export interface HeldLease {
  readonly kind: LeaseKind;
  readonly items: readonly Waiting[];
  readonly handedOutAt: number;
  expiresAt: number;
}

export function bytesOf(events: readonly { readonly body: string }[]): number {
  return events.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0);
}

/** Puts an entry where the place of its first event is. */
export function insert<Entry>(line: Entry[], entry: Entry, first: (entry: Entry) => Waiting): void;
export function insert(line: Waiting[], entry: Waiting): void;
export function insert(line: unknown[], entry: unknown, first = (it: unknown) => it as Waiting) {
  const after = line.findIndex((other) => isBefore(first(entry), first(other)));
  line.splice(after < 0 ? line.length : after, 0, entry);
}

function isBefore(one: Waiting, other: Waiting): boolean {
  const { dueAt = 0 } = one;
  const { dueAt: otherDueAt = 0 } = other;
  return dueAt < otherDueAt || (dueAt === otherDueAt && one.place < other.place);
}

/**
 * Moves events from one list to the other, up to so many events and bytes there; one fits in any
 * case.
 */
export function takeFitting(
  from: Waiting[],
  maxEvents: number,
  maxBytes: number,
  items: Waiting[],
): Waiting[] {
  let bytes = bytesOf(items);
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
