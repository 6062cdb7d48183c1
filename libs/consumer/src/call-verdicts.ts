import { isInstance, type Clock, type Random } from '@event-pipeline/runtime';
import type { Delivery, Lease, SettleException } from '@event-pipeline/queue';
import type { Logger } from '@event-pipeline/telemetry';
import { isFresh, type GroupMember } from './batch-group';
import { failureOutcome, isPermanent } from './delivery-outcome';
import { errorText } from './error-text';
import type { EventCodec } from './event-codec';
import { DEFAULT_HANDLER } from './event-handler';
import type { Admission } from './handler-breaker';
import { HandlerTimeoutError } from './handler-errors';
import type { HandlerEntry } from './handler-table';
import { LeaseVerdicts, type LeaseOutcome } from './lease-outcome';

const UNJUDGED = 'a mistake of the program: what came of a call could not be judged';

export interface CallVerdictsParts<E> {
  readonly codec: EventCodec<E>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** One call of a handler, for what becomes of its events and for its breaker. */
export interface Call<E> {
  readonly entry: HandlerEntry<E>;
  readonly admission: Admission;
  readonly startedAt: number;
}

/**
 * Turns the ends of calls into verdicts on the events of one lease, and tells the breakers of the
 * handlers. What ends after `signal` aborted has no verdict, however it ends: it is given back.
 */
export class CallVerdicts<E> {
  private readonly verdicts: LeaseVerdicts<E>;
  private readonly startedAt: number;
  private readonly debug: boolean;
  /** One line for each lease is enough. */
  private mistaken = false;
  private readonly deferMs = new Map<HandlerEntry<E>, number>();

  constructor(
    private readonly parts: CallVerdictsParts<E>,
    private readonly lease: Lease,
    private readonly signal: AbortSignal,
  ) {
    this.verdicts = new LeaseVerdicts(lease.size);
    this.startedAt = parts.clock.monotonic();
    this.debug = parts.logger.isDebug();
  }

  /** What became of the events, as it stands now; those without a verdict are given back. */
  outcome(): LeaseOutcome<E> {
    return this.verdicts.outcome();
  }

  /** Not called, since the handler is paused. What was leased together comes again together. */
  deferred(entry: HandlerEntry<E>, members: readonly GroupMember<E>[]): void {
    const delayMs = this.deferMs.get(entry) ?? entry.deferMs();
    this.deferMs.set(entry, delayMs);
    for (const { index } of members) this.verdicts.deferred({ index, outcome: 'defer', delayMs });
  }

  /** After the abort a return proves nothing: a wait that was cut short may have ended the handler. */
  succeeded({ entry, admission }: Call<E>, { index, event }: GroupMember<E>): void {
    if (this.signal.aborted) return entry.breaker.undecided(admission);
    this.verdicts.done(index, event);
    this.succeeds(() => entry.breaker.succeeded(admission));
  }

  /** A batch handler has said which of its events failed. */
  answered(
    call: Call<E>,
    members: readonly GroupMember<E>[],
    errors: ReadonlyMap<number, unknown>,
  ): void {
    const { entry, admission } = call;
    if (this.signal.aborted) return entry.breaker.undecided(admission);
    this.succeeds(() => {
      if (errors.size < members.length) entry.breaker.succeeded(admission);
      else this.tellBreaker(call, members, [...errors.values()]);
    });
    members.forEach((member, position) => {
      if (errors.has(position)) this.failed(entry, member, errors.get(position));
      else this.verdicts.done(member.index, member.event);
    });
  }

  threw(call: Call<E>, members: readonly GroupMember<E>[], thrown: unknown): void {
    if (this.signal.aborted) return call.entry.breaker.undecided(call.admission);
    this.succeeds(() => this.tellBreaker(call, members, [thrown]));
    for (const member of members) this.failed(call.entry, member, thrown);
  }

  /** Every event of the call has failed. */
  private tellBreaker(
    { entry, admission, startedAt }: Call<E>,
    members: readonly GroupMember<E>[],
    errors: readonly unknown[],
  ): void {
    if (errors.every(isPermanent)) return entry.breaker.undecided(admission);
    entry.breaker.failed(admission, {
      fresh: members.some(isFresh),
      timedOut: isInstance(errors[0], HandlerTimeoutError),
      error: errors[0],
      ms: this.parts.clock.monotonic() - startedAt,
    });
  }

  private failed(entry: HandlerEntry<E>, member: GroupMember<E>, thrown: unknown): void {
    if (this.succeeds(() => this.judge(entry, member, thrown))) return;
    const { index, attempt } = member;
    const error = UNJUDGED;
    this.verdicts.failed(
      attempt < entry.retryPolicy.maxAttempts
        ? { index, outcome: 'retry', delayMs: entry.retryPolicy.maxDelayMs }
        : { index, outcome: 'dead', reason: 'attempts-exhausted', error, handler: entry.name },
      { handler: entry.name, eventId: '', type: '', attempt, error },
    );
  }

  private judge(entry: HandlerEntry<E>, member: GroupMember<E>, thrown: unknown): void {
    const { index, event, attempt } = member;
    const { codec, random, logger } = this.parts;
    const record = { attempt, ageMs: this.ageMs(index) };
    const outcome = failureOutcome(thrown, record, entry.retryPolicy, random.next());
    const { error, ...decided } = outcome;
    const exception: SettleException =
      decided.outcome === 'retry'
        ? { index, ...decided }
        : { index, ...decided, error, handler: entry.name };
    const [eventId, type] = [codec.idOf(event), codec.typeOf(event)];
    const sample = { handler: entry.name, eventId, type, attempt, error };
    this.verdicts.failed(exception, sample, event);
    if (this.debug) logger.debug({ ...sample, ...decided, err: thrown }, 'the handler failed');
  }

  /**
   * Whether this went well. A mistake of the program in what it thinks of one event is not to cost
   * its neighbours anything: a lease that is not settled is handled again, all of it.
   */
  private succeeds(step: () => void): boolean {
    try {
      step();
      return true;
    } catch (mistake) {
      if (!this.mistaken) this.parts.logger.error({ err: mistake }, UNJUDGED);
      this.mistaken = true;
      return false;
    }
  }

  /** Since its first failure, by the queue's clock up to the hand-out and by a steady one from there. */
  private ageMs(index: number): number {
    const { handedOutAt, deliveries } = this.lease;
    const firstFailureAt = deliveries[index]?.firstFailureAt ?? 0;
    if (firstFailureAt === 0 || handedOutAt === 0) return 0;
    return handedOutAt - firstFailureAt + this.parts.clock.monotonic() - this.startedAt;
  }

  unhandled({ index, event, attempt }: GroupMember<E>, type: string): void {
    const error = `no handler for events of type ${type}, and no default one`;
    this.verdicts.failed(
      { index, outcome: 'dead', reason: 'permanent-error', error, handler: DEFAULT_HANDLER },
      { handler: '', eventId: this.parts.codec.idOf(event), type, attempt, error },
      event,
    );
  }

  undecodable(index: number, delivery: Delivery, thrown: unknown): void {
    const error = errorText(thrown);
    this.verdicts.failed(
      { index, outcome: 'dead', reason: 'undecodable', error, handler: '' },
      { handler: '', eventId: '', type: '', attempt: delivery.attempts + 1, error },
    );
  }
}
