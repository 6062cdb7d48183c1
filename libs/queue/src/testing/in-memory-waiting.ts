import type { Delivery, ReceiveRequest } from '../queue';
import { bytesOf, insert, takeFitting, type LeaseKind, type Waiting } from './in-memory-events';

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

/** The events of one partition that wait to be handed out, and in which order. */
export class WaitingLines {
  readonly pending: Waiting[] = [];
  readonly isolated: Waiting[] = [];
  readonly delayed: Waiting[] = [];
  private readonly groups: Waiting[][] = [];
  private suspectTurns = 0;
  private lastPlace = 0;
  private firstPlace = 0;

  constructor(private readonly manner: Manner) {}

  get all(): readonly Waiting[] {
    return [...this.pending, ...this.suspects, ...this.delayed];
  }

  get suspects(): readonly Waiting[] {
    return [...this.groups.flat(), ...this.isolated];
  }

  /** Whether a receive that passes isolated suspects by would find something. */
  hasEvents(): boolean {
    return this.pending.length + this.groups.length > 0;
  }

  /** A fresh event, at the end of the line. */
  append(body: string): void {
    const stored = ++this.lastPlace;
    const fresh = { attempts: 0, crashes: 0, firstFailureAt: 0 };
    this.pending.push({ body, ...fresh, stored, place: stored });
  }

  /** Takes what goes into one lease. */
  take(
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

  /** One more attempt, when it is due. */
  retry(item: Waiting, dueAt: number, now: number): void {
    const { attempts, firstFailureAt } = item;
    const counts = { attempts: attempts + 1, firstFailureAt: firstFailureAt || now };
    this.delay({ ...item, ...counts, stored: ++this.lastPlace }, dueAt);
  }

  /** The same event, when it is due. */
  delay(item: Waiting, dueAt: number): void {
    const place = this.manner === 'embedded' ? item.stored : ++this.lastPlace;
    insert(this.delayed, { ...item, dueAt, place });
  }

  /** Back from a lease that ran out: in two groups, or isolated where one would be alone. */
  suspectHalves(items: readonly Waiting[]): void {
    const half = Math.ceil(items.length / 2);
    for (const part of [items.slice(0, half), items.slice(half)]) {
      const suspects = part.map((item) => this.last(item));
      if (suspects.length > 1) this.groups.push(suspects);
      else this.isolated.push(...suspects);
    }
  }

  /** An event that was alone, back once more. */
  isolate(item: Waiting): void {
    this.isolated.push(this.last({ ...item, stored: ++this.lastPlace }));
  }

  /** Back to where they came from, uncounted. */
  giveBack(kind: LeaseKind, given: readonly Waiting[]): void {
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

export function toDelivery({ body, attempts, crashes, firstFailureAt }: Waiting): Delivery {
  return { body, attempts, crashes, firstFailureAt };
}
