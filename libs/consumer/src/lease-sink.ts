import { PipelineError, type Clock, type Random } from '@event-pipeline/runtime';
import type { Lease, SettleException } from '@event-pipeline/queue';
import type { TracedSpan } from '@event-pipeline/telemetry';
import type { ConsumerObserver } from './consumer-observer';
import type { EventCodec } from './event-codec';
import type { EventSink, SinkEvent, SinkRefusal } from './event-sink';
import { revised, type FailureSample, type LeaseOutcome } from './lease-outcome';
import { reconnectDelayMs } from './reconnect-delay';
import type { SinkOutage } from './sink-outage';

/** A call without an answer or progress for so long is given up: the sink counts as out of reach. */
export const SINK_CALL_LIMIT_MS = 30_000;
/** Saves the making of an exception with its stack for each call. */
const ENDED = 'ended';
/** Longest pause between two calls for one lease. */
const MAX_PAUSE_MS = 5_000;

export interface LeaseSinkOptions<E> {
  readonly sink: EventSink<E>;
  readonly codec: EventCodec<E>;
  readonly clock: Clock;
  readonly random: Random;
  readonly outage: SinkOutage;
  readonly observer: ConsumerObserver<E>;
  /** From here on a sink that is out of reach is not waited for. */
  readonly draining: AbortSignal;
}

/** Brings the done events of a lease to the sink, all in one call, before the lease is settled. */
export class LeaseSink<E> {
  constructor(private readonly options: LeaseSinkOptions<E>) {}

  /**
   * The outcome as it may be settled: what is done in it is in the sink. Events that the sink
   * refuses are dead in it. Where the sink stays out of reach until the signal aborts or the
   * consumer drains, they are given back in it, uncounted. Never rejects for what the sink does.
   *
   * @param signal aborts when the lease is lost or the grace is over
   * @param span of the lease: each call of the sink has one of its own in it
   */
  async store(
    lease: Lease,
    outcome: LeaseOutcome<E>,
    signal: AbortSignal,
    span?: TracedSpan,
  ): Promise<LeaseOutcome<E>> {
    if (outcome.done.length === 0) return outcome;
    const { clock, random, outage, observer, draining } = this.options;
    const events = outcome.done.map((event, position) => {
      const index = outcome.doneIndexes[position] as number;
      return { event, body: bodyAt(lease, index) };
    });
    let endAsking: (() => void) | undefined;
    try {
      for (let failures = 1; !signal.aborted; failures++) {
        const sentAt = clock.monotonic();
        const attributes = { 'db.operation.batch.size': events.length };
        const call = span?.child('store events', { role: 'client', attributes });
        const answer = await this.call(events, signal);
        call?.end(answer instanceof PipelineError ? answer.code : undefined);
        if (!(answer instanceof PipelineError)) {
          outage.over();
          const ms = clock.monotonic() - sentAt;
          observer.onStored?.({ events: events.length, refused: answer.length, ms });
          return this.withRefusals(lease, outcome, answer);
        }
        if (signal.aborted) break;
        endAsking ??= outage.asks();
        observer.onStoreFailed?.();
        const over = outage.began(answer);
        if (draining.aborted) break;
        const pauseMs = reconnectDelayMs(failures, random.next(), MAX_PAUSE_MS);
        await clock.sleep(pauseMs, AbortSignal.any([signal, draining, over]));
      }
      return revised(outcome, (_, index) => ({ index, outcome: 'release' }));
    } finally {
      endAsking?.();
    }
  }

  /** Answers an error for a sink out of reach. Never rejects, and bears no silence beyond the limit. */
  private async call(
    events: readonly SinkEvent<E>[],
    signal: AbortSignal,
  ): Promise<readonly SinkRefusal[] | PipelineError> {
    const { sink, clock } = this.options;
    const givenUp = new AbortController();
    const waiting = new AbortController();
    const endWaiting = () => waiting.abort(ENDED);
    signal.addEventListener('abort', endWaiting, { once: true });
    let heardAt = clock.monotonic();
    const onProgress = () => {
      heardAt = clock.monotonic();
    };
    const stored = (async () =>
      checked(await sink.store(events, givenUp.signal, onProgress), events.length))();
    const answer = await Promise.race([
      stored.catch((error: unknown) => PipelineError.from(error)),
      silence(clock, () => heardAt, waiting.signal),
    ]);
    signal.removeEventListener('abort', endWaiting);
    endWaiting();
    if (answer !== undefined) return answer;
    givenUp.abort(unanswered('the answer is no longer waited for'));
    return unanswered(`no answer within ${SINK_CALL_LIMIT_MS / 1_000} s`);
  }

  private withRefusals(
    lease: Lease,
    outcome: LeaseOutcome<E>,
    refusals: readonly SinkRefusal[],
  ): LeaseOutcome<E> {
    if (refusals.length === 0) return outcome;
    const errors = new Map(refusals.map(({ index, error }) => [index, error]));
    const refused = (position: number, index: number): SettleException | undefined => {
      const error = errors.get(position);
      if (error === undefined) return undefined;
      return { index, outcome: 'dead', reason: 'store-refused', error, handler: '' };
    };
    const samples = refusals.map((refusal) => this.sampleOf(lease, outcome, refusal));
    return revised(outcome, refused, samples);
  }

  private sampleOf(
    lease: Lease,
    outcome: LeaseOutcome<E>,
    { index: position, error }: SinkRefusal,
  ): FailureSample {
    const { codec } = this.options;
    const event = outcome.done[position] as E;
    const delivery = lease.deliveries[outcome.doneIndexes[position] as number];
    const attempt = (delivery?.attempts ?? 0) + 1;
    const [eventId, type] = [codec.idOf(event), codec.typeOf(event)];
    return { handler: '', eventId, type, attempt, error };
  }
}

/** Nothing is stored in the place of a body that is not there: that would be a mistake of ours. */
function bodyAt({ deliveries }: Lease, index: number): string {
  const delivery = deliveries[index];
  if (delivery !== undefined) return delivery.body;
  throw new PipelineError('INTERNAL', `event ${index} of a lease of ${deliveries.length} is done`);
}

function unanswered(why: string): PipelineError {
  return new PipelineError('STORE_UNAVAILABLE', why);
}

/** Resolves when nothing was heard for the limit, or the signal aborts. */
async function silence(
  clock: Clock,
  heardAt: () => number,
  signal: AbortSignal,
): Promise<undefined> {
  for (;;) {
    const leftMs = heardAt() + SINK_CALL_LIMIT_MS - clock.monotonic();
    if (leftMs <= 0 || signal.aborted) return undefined;
    await clock.sleep(leftMs, signal);
  }
}

/** A sink that names what it was not given cannot be believed: it counts as out of reach. */
function checked(refusals: readonly SinkRefusal[], size: number): readonly SinkRefusal[] {
  for (const { index } of refusals) {
    if (!Number.isInteger(index) || index < 0 || index >= size) {
      throw new PipelineError('INTERNAL', `the store refused event ${index} of ${size}`);
    }
  }
  return refusals;
}
