import type { PublishEventsResponse, Rejection } from '@event-pipeline/contracts';
import type { Claim } from './claim';
import { codeName } from './failure-rules';
import { PublishError, type PublishErrorCode, type PublishErrorDetails } from './publish-error';

/** How many events an answer took and refused. */
export interface AnswerCounts {
  readonly accepted: number;
  readonly rejected: number;
  readonly duplicate: boolean;
}

/** A request under its batch id, until it is known what became of its events. */
export class Batch {
  /** When it was first written, by the monotonic clock. */
  sentAt: number | undefined;
  /** It may be in the queue without our knowing. */
  ambiguous = false;
  /** Written to the call under way. */
  inFlight = false;
  /** Written only while no other batch is on its way, so that a failure is surely its own. */
  alone = false;
  /** Nothing is to be done about it any more. */
  over = false;
  /** It is on disk, and will be sent at the next start unless it is settled. */
  spilled = false;
  /** An earlier run has left it: nobody waits for it, and it is kept until it is answered. */
  recovered = false;
  #nextDeadline: number;

  constructor(
    readonly id: string,
    /** In the order in which batches were cut. */
    readonly number: number,
    /** The same bytes each time: the queue compares them by their digest. */
    readonly bytes: Buffer,
    readonly events: number,
    /** What it takes of the publisher's window, bytes. */
    readonly room: number,
    private readonly claims: readonly Claim[],
  ) {
    this.#nextDeadline = claims.reduce(
      (least, { deadline }) => Math.min(least, deadline),
      Infinity,
    );
  }

  /** Tells every owner what the collector said. */
  answer({ accepted, rejections, duplicate }: PublishEventsResponse): AnswerCounts {
    const rejected = new Map<number, Rejection>();
    for (const rejection of rejections) {
      if (rejection.index < this.events) rejected.set(rejection.index, rejection);
    }
    const rest = this.events - rejected.size;
    if (accepted < rest) {
      const message = `the collector accounts for ${accepted + rejected.size} of ${this.events} events`;
      this.#tell(rejected, (claim, from, count) => {
        const error = new PublishError('INTERNAL', message, { mayBeQueued: true });
        claim.owner.failed(from, count, error);
      });
      return { accepted: 0, rejected: rejected.size, duplicate };
    }
    this.#tell(rejected, (claim, from, count) => claim.owner.accepted(from, count, duplicate));
    return { accepted: rest, rejected: rejected.size, duplicate };
  }

  /** Tells every owner that was not told yet; answers how many events that were. */
  fail(code: PublishErrorCode, message: string, details: PublishErrorDetails = {}): number {
    let failed = 0;
    const sent = this.sentAt !== undefined;
    const error = new PublishError(code, message, { sent, ...details });
    for (const claim of this.claims) {
      if (claim.told) continue;
      claim.told = true;
      failed += claim.count;
      claim.owner.failed(claim.first, claim.count, error);
    }
    return failed;
  }

  /** Tells the owners whose time is over. Answers how many events that were. */
  expire(now: number): number {
    if (now < this.#nextDeadline) return 0;
    let expired = 0;
    let next = Infinity;
    const due = this.claims.filter(({ told, deadline }) => !told && deadline <= now);
    for (const { told, deadline } of this.claims) {
      if (!told && deadline > now) next = Math.min(next, deadline);
    }
    this.#nextDeadline = next;
    // A batch that others still wait for is sent as a whole.
    const mayBeQueued = this.inFlight || this.ambiguous || next < Infinity;
    const sent = this.sentAt !== undefined;
    for (const claim of due) {
      claim.told = true;
      expired += claim.count;
      const message = 'the event was not acknowledged within its time';
      const error = new PublishError('DEADLINE_EXCEEDED', message, { mayBeQueued, sent });
      claim.owner.failed(claim.first, claim.count, error);
    }
    return expired;
  }

  /** Whether every owner was told. */
  get isTold(): boolean {
    return this.claims.every(({ told }) => told);
  }

  /** Tells of rejected events one by one, and of what lies between them as a whole. */
  #tell(
    rejected: ReadonlyMap<number, Rejection>,
    tellRest: (claim: Claim, first: number, count: number) => void,
  ): void {
    let index = 0;
    for (const claim of this.claims) {
      const begin = index;
      index += claim.count;
      if (claim.told) continue;
      claim.told = true;
      if (rejected.size === 0) {
        tellRest(claim, claim.first, claim.count);
        continue;
      }
      let open = begin;
      for (let at = begin; at <= index; at += 1) {
        const rejection = at < index ? rejected.get(at) : undefined;
        if (rejection === undefined && at < index) continue;
        if (at > open) tellRest(claim, claim.first + open - begin, at - open);
        open = at + 1;
        if (rejection !== undefined) {
          claim.owner.failed(claim.first + at - begin, 1, errorOf(rejection));
        }
      }
    }
  }
}

function errorOf({ code, message, eventId }: Rejection): PublishError {
  const rejection = { code: codeName(code), message, eventId };
  return new PublishError('REJECTED', `${rejection.code}: ${message}`, { rejection, sent: true });
}
