import type { Lease, Queue } from '@event-pipeline/queue';
import type { Logger, TracedSpan } from '@event-pipeline/telemetry';
import { LeaseExtender } from './lease-extender';
import type { ConsumerObserver, LostLease, ObservedLease } from './consumer-observer';
import type { LeaseOutcome } from './lease-outcome';
import type { EventSink } from './event-sink';
import { LeaseRun, type LeaseRunParts } from './lease-run';
import { LeaseSettler, type Settled } from './lease-settler';
import { LeaseSink } from './lease-sink';
import type { QueueOutage } from './queue-outage';
import type { SinkOutage } from './sink-outage';

/** How long a consumer that stops still waits, once the grace is over, for leases to be settled. */
export const FINAL_SETTLE_MS = 500;

export interface LeaseWorkOptions<E> extends LeaseRunParts<E> {
  readonly queue: Pick<Queue, 'extend' | 'settle'>;
  readonly observer: ConsumerObserver<E>;
  /** Begins the span of a lease. */
  readonly traceLease?: (lease: Lease) => TracedSpan | undefined;
  readonly outage: QueueOutage;
  readonly sink?: EventSink<E>;
  readonly sinkOutage: SinkOutage;
  readonly leaseMs: number;
  /** From here on no further event is started. */
  readonly draining: AbortSignal;
  /** From here on handlers are told to give up, and are not waited for. */
  readonly graceOver: AbortSignal;
}

/** A lease in hand, with what it is known by in the log and in traces. */
interface LeaseInHand {
  readonly lease: Lease;
  readonly observed: ObservedLease;
  readonly logger: Logger;
  readonly span: TracedSpan | undefined;
}

/**
 * What a handler leaves behind may end the process a moment after it returned. So an isolated event
 * is settled only when the worker has outlived it by this time: the crash is then counted against it,
 * and not against the next one.
 */
const ISOLATED_AFTERMATH_MS = 50;

/**
 * Where the grace ends while a handler still runs, what the lease has done until then is stored all
 * the same, so that its handlers do not run again. The sink has half of the time for that which the
 * consumer has left; the other half is for settling.
 */
const LAST_STORE_MS = FINAL_SETTLE_MS / 2;

/** Takes leases from their receipt to their end: extended, handled, stored, settled, reported. */
export class LeaseWork<E> {
  private readonly held = new Map<LeaseExtender, Lease>();
  private readonly settler: LeaseSettler;
  private readonly sink: LeaseSink<E> | undefined;

  constructor(private readonly options: LeaseWorkOptions<E>) {
    const { queue, clock, random, outage, sink, sinkOutage, graceOver } = options;
    this.sink = sink && new LeaseSink({ ...options, sink, outage: sinkOutage });
    this.settler = new LeaseSettler(queue, clock, random, outage);
    graceOver.addEventListener('abort', () => this.giveUp(), { once: true });
  }

  /** How many leases are being worked on. */
  get inHand(): number {
    return this.held.size;
  }

  inFlight(): { readonly events: number; readonly bytes: number } {
    let [events, bytes] = [0, 0];
    for (const { size, deliveries } of this.held.values()) {
      events += size;
      for (const { body } of deliveries) bytes += Buffer.byteLength(body);
    }
    return { events, bytes };
  }

  /**
   * @param requestedAt monotonic time from before the lease was asked for
   * @param isolated whether nothing else runs beside it
   */
  async run(lease: Lease, requestedAt: number, isolated: boolean): Promise<void> {
    const { clock, queue, leaseMs, draining, graceOver, observer, traceLease } = this.options;
    const span = traceLease?.(lease);
    const observed = {
      partition: lease.partition,
      events: lease.size,
      isolated,
      ...(span !== undefined && { traceId: span.traceId }),
    };
    observer.onLease?.(observed);
    const startedAt = clock.monotonic();
    const logger = this.options.logger.child(namesOf(lease, span));
    const inHand: LeaseInHand = { lease, observed, logger, span };
    const extender = new LeaseExtender(queue, clock, lease, leaseMs, requestedAt);
    this.held.set(extender, lease);
    const { signal } = extender;
    const parts = { ...this.options, logger };
    const run = new LeaseRun(parts, { lease, isolated, stopping: draining, signal, span });
    try {
      if (graceOver.aborted) extender.abort();
      await untilAborted(run.run(), graceOver);
      if (isolated) await clock.sleep(ISOLATED_AFTERMATH_MS, graceOver);
      const handlingMs = clock.monotonic() - startedAt;
      const outcome = await this.store(inHand, run.outcome(), extender);
      extender.stop();
      // One whose time ran out without an answer may still be held: the queue knows, so it is asked.
      if (extender.lost === 'refused') return this.reportLost(inHand, extender.lost);
      await this.settle(inHand, outcome, handlingMs, extender);
    } finally {
      run.close();
      extender.stop();
      this.held.delete(extender);
      // Of one that ended well, or was lost, this comes too late and changes nothing.
      span?.end('INTERNAL');
    }
  }

  private giveUp(): void {
    for (const extender of this.held.keys()) extender.abort();
  }

  /** The outcome as it may be settled: see {@link LeaseSink.store}. */
  private async store(
    { lease, span }: LeaseInHand,
    outcome: LeaseOutcome<E>,
    { lost, signal }: LeaseExtender,
  ): Promise<LeaseOutcome<E>> {
    const { clock, graceOver } = this.options;
    if (this.sink === undefined || lost === 'refused') return outcome;
    if (lost !== undefined || !graceOver.aborted) {
      return this.sink.store(lease, outcome, signal, span);
    }
    const over = new AbortController();
    const ended = new AbortController();
    void clock.sleep(LAST_STORE_MS, ended.signal).then(() => over.abort());
    const stored = await this.sink.store(lease, outcome, over.signal, span);
    ended.abort();
    return stored;
  }

  private async settle(
    inHand: LeaseInHand,
    outcome: LeaseOutcome<E>,
    handlingMs: number,
    { deadline, lost }: LeaseExtender,
  ): Promise<void> {
    const { clock, observer, graceOver } = this.options;
    const { lease, observed } = inHand;
    const handedInAt = clock.monotonic();
    const settled = await this.settler.settle(lease, outcome.exceptions, deadline, graceOver);
    if (settled.result !== 'settled') {
      return this.reportLost(inHand, lost ?? settled.result, settled.error);
    }
    const settleMs = clock.monotonic() - handedInAt;
    this.log(inHand, outcome, handlingMs + settleMs);
    observer.onSettled?.({ ...observed, outcome, handlingMs, settleMs });
  }

  private log({ observed, logger, span }: LeaseInHand, outcome: LeaseOutcome<E>, ms: number): void {
    const { done, retried, deferred, dead, released, firstFailure, failures } = outcome;
    const fields = {
      events: observed.events,
      ms: Math.round(ms),
      done: done.length,
      retried,
      deferred,
      dead: Object.values(dead).reduce((sum, count) => sum + count, 0),
      released,
      ...(observed.isolated ? { isolated: true } : {}),
    };
    span?.set({
      'event_pipeline.done': fields.done,
      'event_pipeline.retried': retried,
      'event_pipeline.deferred': deferred,
      'event_pipeline.dead': fields.dead,
      'event_pipeline.released': released,
    });
    span?.end();
    if (firstFailure !== undefined) {
      logger.warn({ ...fields, firstFailure, failures }, 'events of a lease failed');
    } else if (observed.events > 0 && deferred === observed.events) {
      // Again and again while a handler is paused, which has been said once.
      logger.debug(fields, 'put off a lease: its handlers keep failing');
    } else {
      logger.info(fields, 'processed a lease');
    }
  }

  private reportLost(
    { observed, logger, span }: LeaseInHand,
    reason: LostLease['reason'],
    error?: Settled['error'],
  ): void {
    const { observer } = this.options;
    const fields = { events: observed.events, reason };
    span?.end(`LEASE_${reason.toUpperCase()}`);
    if (reason === 'failed') {
      logger.error(
        { ...fields, err: error },
        'a lease could not be settled; its events come again',
      );
    } else if (reason === 'ambiguous' || reason === 'unavailable') {
      logger.warn(fields, 'a settled lease was not confirmed; its events may come again');
    } else {
      logger.warn(fields, 'lost a lease; its events come again');
    }
    observer.onLost?.({ ...observed, reason });
  }
}

/** What every line about the lease bears. */
function namesOf({ partition, id }: Lease, span: TracedSpan | undefined): object {
  return { partition, lease: id, ...(span !== undefined && { trace: span.traceId }) };
}

/** Resolves when the work has ended or the signal aborts; what is left of the work goes on. */
function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = () => resolve();
    signal.addEventListener('abort', aborted, { once: true });
    if (signal.aborted) resolve();
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}
