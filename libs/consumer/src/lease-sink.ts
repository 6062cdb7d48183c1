import { PipelineError, type Clock, type Random } from '@event-pipeline/runtime';
import type { Lease, SettleException } from '@event-pipeline/queue';
import type { ConsumerObserver } from './consumer-observer';
import type { EventCodec } from './event-codec';
import type { EventSink, SinkEvent, SinkRefusal } from './event-sink';
import { revised, type FailureSample, type LeaseOutcome } from './lease-outcome';
import { reconnectDelayMs } from './reconnect-delay';
import type { SinkOutage } from './sink-outage';

/** A call without an answer or progress for so long is given up: the sink counts as out of reach. */
export const SINK_CALL_LIMIT_MS = 30_000;
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
   * consumer drains, they are given back in it, uncounted. Never rejects.
   *
   * @param signal aborts when the lease is lost or the grace is over
   */
  async store(
    lease: Lease,
    outcome: LeaseOutcome<E>,
    signal: AbortSignal,
  ): Promise<LeaseOutcome<E>> {
    if (outcome.done.length === 0) return outcome;
    const { clock, random, outage, observer, draining } = this.options;
    const events = outcome.done.map((event, position) => {
      const index = outcome.doneIndexes[position] as number;
      return { event, body: lease.deliveries[index]?.body ?? '' };
    });
    let endAsking: (() => void) | undefined;
    try {
      for (let failures = 1; !signal.aborted; failures++) {
        const sentAt = clock.monotonic();
        const answer = await this.call(events, signal);
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
    const limit = new AbortController();
    const givenUp = new AbortController();
    const unanswered = (why: string) => new PipelineError('STORE_UNAVAILABLE', why);
    let heardAt = clock.monotonic();
    const onProgress = () => (heardAt = clock.monotonic());
    const late = silence(clock, () => heardAt, AbortSignal.any([limit.signal, signal]));
    const stored = (async () =>
      checked(await sink.store(events, givenUp.signal, onProgress), events.length))();
    try {
      return await Promise.race([
        stored.catch((error: unknown) => PipelineError.from(error)),
        late.then(() => {
          if (!limit.signal.aborted)
            givenUp.abort(unanswered('the answer is no longer waited for'));
          return unanswered(`no answer within ${SINK_CALL_LIMIT_MS / 1_000} s`);
        }),
      ]);
    } finally {
      limit.abort('answered');
    }
  }

  private withRefusals(
    lease: Lease,
    outcome: LeaseOutcome<E>,
    refusals: readonly SinkRefusal[],
  ): LeaseOutcome<E> {
    const [first] = refusals;
    if (first === undefined) return outcome;
    const errors = new Map(refusals.map(({ index, error }) => [index, error]));
    const refused = (position: number, index: number): SettleException | undefined => {
      const error = errors.get(position);
      if (error === undefined) return undefined;
      return { index, outcome: 'dead', reason: 'store-refused', error, handler: '' };
    };
    return revised(outcome, refused, this.sampleOf(lease, outcome, first));
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
    return { eventId: codec.idOf(event), type: codec.typeOf(event), attempt, error };
  }
}

/** Resolves when nothing was heard for the limit, or the signal aborts. */
async function silence(clock: Clock, heardAt: () => number, signal: AbortSignal): Promise<void> {
  for (;;) {
    const leftMs = heardAt() + SINK_CALL_LIMIT_MS - clock.monotonic();
    if (leftMs <= 0 || signal.aborted) return;
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
