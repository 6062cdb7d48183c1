import { eventId } from '../events-file';
import { isRefused, numberedContent } from './numbered-event';

/** What its producer knows of an event that it has sent. */
export type Outcome =
  /** Sent, and sent again for as long as there is no answer. */
  | 'open'
  /** The collector has said that it is in the queue. */
  | 'acknowledged'
  /** The collector has said that it will never take it. */
  | 'refused'
  /** Given up without an answer: it may be in the queue or not. */
  | 'unknown';

export interface LedgerEntry {
  readonly eventId: string;
  readonly outcome: Outcome;
  /** Stands for what was sent; see contentOf in numbered-event.ts. */
  readonly content: string;
}

export type LedgerCounts = Readonly<Record<Outcome, number>> & { readonly sent: number };

const OUTCOMES: readonly Outcome[] = ['open', 'acknowledged', 'refused', 'unknown'];
const MOST_BREACHES = 20;

/**
 * What a load has sent and what it was answered, event by event. The events are numbered, and their
 * content follows from number and seed, so an event costs one byte here.
 */
export class Ledger {
  private readonly outcomes: Uint8Array;
  private readonly totals = [0, 0, 0, 0];
  private taken = 0;
  /** Answers that no collector may give, for people; the first of them. */
  readonly breaches: string[] = [];
  /** Events that were sent again without a batch id: the queue may rightly hold those twice. */
  resentWithoutId = 0;
  /** Events that were sent again under their batch id. */
  resent = 0;

  /** @param limit most events that can ever be sent */
  constructor(
    readonly seed: number,
    readonly limit = 300_000,
  ) {
    this.outcomes = new Uint8Array(limit);
  }

  /** Numbers for events that are about to be sent; fewer than asked for where the limit is near. */
  take(count: number): number[] {
    const numbers: number[] = [];
    for (; numbers.length < count && this.taken < this.limit; this.taken++)
      numbers.push(this.taken);
    this.totals[0] = (this.totals[0] ?? 0) + numbers.length;
    return numbers;
  }

  acknowledge(n: number): void {
    if (isRefused(n)) this.breach(`event ${n}, which is not valid, was acknowledged`);
    this.settle(n, 'acknowledged');
  }

  refuse(n: number, why: string): void {
    if (!isRefused(n)) this.breach(`event ${n}, which is valid, was refused for good: ${why}`);
    this.settle(n, 'refused');
  }

  giveUp(n: number): void {
    this.settle(n, 'unknown');
  }

  /** Notes an answer that breaks the contract. */
  breach(what: string): void {
    if (this.breaches.length < MOST_BREACHES) this.breaches.push(what);
  }

  get counts(): LedgerCounts {
    const [open = 0, acknowledged = 0, refused = 0, unknown = 0] = this.totals;
    return { sent: this.taken, open, acknowledged, refused, unknown };
  }

  *entries(): Generator<LedgerEntry> {
    for (let n = 0; n < this.taken; n++) {
      yield {
        eventId: eventId(n),
        outcome: OUTCOMES[this.outcomes[n] ?? 0] ?? 'open',
        content: numberedContent(n, this.seed),
      };
    }
  }

  private settle(n: number, outcome: Outcome): void {
    const before = this.outcomes[n] ?? 0;
    if (n >= this.taken || before !== 0) {
      this.breach(`event ${n}, ${OUTCOMES[before]} already, became ${outcome}`);
      return;
    }
    const now = OUTCOMES.indexOf(outcome);
    this.outcomes[n] = now;
    this.totals[0] = (this.totals[0] ?? 0) - 1;
    this.totals[now] = (this.totals[now] ?? 0) + 1;
  }
}
