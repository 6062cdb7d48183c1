import { setMaxListeners } from 'node:events';
import { PipelineError, type Clock, type Component, type Random } from '@event-pipeline/runtime';
import {
  DEFAULT_RETRY_POLICY,
  type Lease,
  type Queue,
  type RetryPolicy,
} from '@event-pipeline/queue';
import type { Logger, TracedSpan } from '@event-pipeline/telemetry';
import type { ConsumerObserver } from './consumer-observer';
import type { EventCodec } from './event-codec';
import type { HandlersByType } from './event-handler';
import type { EventSink } from './event-sink';
import { HandlerTable } from './handler-table';
import { Heartbeat } from './heartbeat';
import { IsolationGate } from './isolation-gate';
import { LeaseReceiver, type Receipt } from './lease-receiver';
import { FINAL_SETTLE_MS, LeaseWork } from './lease-work';
import { PartitionRota } from './partition-rota';
import { QueueOutage } from './queue-outage';
import { RateLimitedWarning } from './rate-limited-warning';
import { ReclaimDuty } from './reclaim-duty';
import { SinkCheck } from './sink-check';
import { HELD_OFF, SinkOutage } from './sink-outage';

export interface ConsumerOptions<E> {
  readonly queue: Queue;
  readonly codec: EventCodec<E>;
  readonly handlers: HandlersByType<E>;
  /** Gets every event that its handler is done with, before it is settled. None by default. */
  readonly sink?: EventSink<E>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer?: ConsumerObserver<E>;
  /** Begins the span of a lease, which the consumer ends; undefined for one that is not sampled. */
  readonly traceLease?: (lease: Lease) => TracedSpan | undefined;
  /** Leases worked on side by side. With 1, events are handled strictly in the queue's order. */
  readonly concurrency: number;
  /** Most events in a lease, 1 to MAX_BATCH_EVENTS of the queue. */
  readonly batchSize: number;
  /** Most bytes in a lease of more than one event; so many, times concurrency, are in memory. */
  readonly batchBytes: number;
  /** How long the queue waits for a worker that shows no sign of life before others get its events. */
  readonly leaseMs: number;
  /** For handlers that set nothing else. */
  readonly retryPolicy?: RetryPolicy;
  /**
   * Longest time of a call for one event, ms; ten times as long for a batch. For handlers that set
   * nothing else; 0: no limit.
   */
  readonly handlerTimeoutMs: number;
  /** Crashes after which an event that was alone in its lease becomes a dead letter. */
  readonly maxCrashes?: number;
}

const DEFAULT_MAX_CRASHES = 3;
/** Without a lease in hand the loops turn every few seconds, whatever the queue does. */
const STALLED_AFTER_MS = 60_000;
const PAUSE_AFTER_FAILURE_MS = 1_000;
/** After another worker took the isolated event first, this long before we stop for one again. */
const ISOLATION_PAUSE_MS = 1_000;
/**
 * How long other work is held off at first for an isolated event. Where handlers take longer, it is
 * given up for four times as long, then tried with twice the patience: the event comes to its turn,
 * and no slow handler stops the worker for long.
 */
const FIRST_ISOLATION_PATIENCE_MS = 2_000;
const MAX_ISOLATION_PATIENCE_MS = 60_000;

/** The state of the attempts to work on isolated events of one partition. */
interface Isolation {
  pending: boolean;
  notBefore: number;
  patienceMs: number;
}

/**
 * Takes events from the queue, hands them to their handlers and tells the queue what became of
 * them, on `concurrency` loops side by side. Each loop, once started, goes round these states:
 *
 * - *choosing*: waits until a partition may have events ({@link PartitionRota}). Next: receiving.
 * - *receiving*: asks for a lease until the queue answers ({@link LeaseReceiver}). With a lease:
 *   working. Without: choosing. When the answer says that an isolated event waits: isolating, after
 *   the work on the lease where there is one.
 * - *working*: runs handlers, hands what is done to the sink, extends the lease meanwhile, then
 *   settles it ({@link LeaseWork}).
 *   Next: choosing.
 * - *isolating*: waits for a limited time until no other loop receives or works, holds them off,
 *   asks once for the isolated event and works on it alone ({@link IsolationGate}). Next: choosing.
 *
 * While the sink is out of reach, no loop goes on to receiving ({@link SinkOutage}).
 *
 * The consumer as a whole is *idle* until start, then *running*. Stop makes it *draining*: loops
 * take no new lease, start no further event, and give back in the settle call what they have not
 * started. When the grace is over first, it is *giving up*: handlers are told by their signal, and
 * what they have not finished is given back. *Stopped* once every loop has ended; that is final.
 */
export class Consumer<E> implements Component {
  readonly name = 'consumer';

  private readonly draining = new AbortController();
  private readonly graceOver = new AbortController();
  private readonly gate = new IsolationGate();
  private readonly outage: QueueOutage;
  private readonly sinkOutage: SinkOutage;
  private readonly heartbeat: Heartbeat;
  private readonly failures: RateLimitedWarning;
  private readonly rota: PartitionRota;
  private readonly receiver: LeaseReceiver;
  private readonly handlers: HandlerTable<E>;
  private readonly work: LeaseWork<E>;
  private readonly isolations = new Map<number, Isolation>();
  private ended: Promise<unknown> | undefined;

  constructor(private readonly options: ConsumerOptions<E>) {
    const { queue, clock, random, logger, leaseMs } = options;
    // One for each partition and each loop: no leak, whatever Node's warning says above ten.
    setMaxListeners(0, this.draining.signal, this.graceOver.signal);
    this.outage = new QueueOutage(clock, logger);
    this.sinkOutage = new SinkOutage(clock, logger, (outOfReach) =>
      options.observer?.onSinkOutage?.(outOfReach),
    );
    this.heartbeat = new Heartbeat(clock);
    this.failures = new RateLimitedWarning(clock, logger);
    this.rota = new PartitionRota(queue, clock, this.draining.signal);
    this.receiver = new LeaseReceiver({
      queue,
      limits: { maxEvents: options.batchSize, maxBytes: options.batchBytes, leaseMs },
      clock,
      random,
      logger,
      outage: this.outage,
      heartbeat: this.heartbeat,
    });
    const { observer = {}, retryPolicy = DEFAULT_RETRY_POLICY, handlerTimeoutMs } = options;
    const defaults = { retryPolicy, timeoutMs: handlerTimeoutMs };
    const tableParts = { clock, random, logger, observer };
    this.handlers = new HandlerTable(options.handlers, defaults, tableParts);
    this.work = new LeaseWork({
      ...options,
      handlers: this.handlers,
      observer,
      outage: this.outage,
      sinkOutage: this.sinkOutage,
      draining: this.draining.signal,
      graceOver: this.graceOver.signal,
    });
  }

  /** Resolves at once: a queue that does not answer yet is waited for. */
  async start(): Promise<void> {
    if (this.ended !== undefined || this.draining.signal.aborted) {
      throw new PipelineError('INTERNAL', 'a consumer starts once, and not after its stop');
    }
    const { queue, clock, random, logger, concurrency, leaseMs, maxCrashes, observer } =
      this.options;
    const reclaim = new ReclaimDuty(queue, clock, random, logger, {
      leaseMs,
      maxCrashes: maxCrashes ?? DEFAULT_MAX_CRASHES,
      onReclaimed: (partition, reclaimed) => observer?.onReclaimed?.(partition, reclaimed),
    });
    this.heartbeat.beat();
    const loops = Array.from({ length: concurrency }, () => this.loop());
    this.ended = Promise.all([...loops, reclaim.run(this.draining.signal), this.checkSink()]);
  }

  /**
   * Drains: see above. Resolves once every handler has ended and every lease is settled, at the
   * latest half a second after the signal aborts.
   */
  async stop(signal: AbortSignal): Promise<void> {
    this.draining.abort();
    const giveUp = () => this.graceOver.abort();
    signal.addEventListener('abort', giveUp, { once: true });
    if (signal.aborted) giveUp();
    const tooLate = new Promise<void>((resolve) => {
      const wait = () => void this.options.clock.sleep(FINAL_SETTLE_MS).then(resolve);
      if (this.graceOver.signal.aborted) wait();
      else this.graceOver.signal.addEventListener('abort', wait, { once: true });
    });
    await Promise.race([this.ended, tooLate]);
    this.handlers.close();
    signal.removeEventListener('abort', giveUp);
  }

  /**
   * Why the consumer has to be taken for stuck, whatever the queue does; undefined while it is
   * alive. A handler that runs for long is no reason; calls without an end that pile up are one.
   */
  stalledReason(): string | undefined {
    if (this.ended === undefined || this.draining.signal.aborted) return undefined;
    const stuck = this.handlers.stuckReason();
    if (stuck !== undefined) return stuck;
    const { age } = this.heartbeat;
    if (this.work.inHand > 0 || age < STALLED_AFTER_MS) return undefined;
    return `the consumer has made no turn for ${Math.round(age / 1_000)} s`;
  }

  /** Why no events are taken though the queue has some; undefined while there is no reason. */
  pausedReason(): string | undefined {
    return this.sinkOutage.reason;
  }

  /** Events in leases that are not settled yet, and their bytes. Costs a look at each event. */
  inFlight(): { readonly events: number; readonly bytes: number } {
    return this.work.inFlight();
  }

  private async checkSink(): Promise<void> {
    const { sink, clock, random } = this.options;
    if (sink?.check === undefined) return;
    const check = (signal: AbortSignal) => sink.check?.(signal) ?? Promise.resolve();
    const duty = new SinkCheck({ check, clock, random, outage: this.sinkOutage });
    await duty.run(this.draining.signal);
  }

  private async loop(): Promise<void> {
    const { signal } = this.draining;
    while (!signal.aborted) {
      let partition: number | undefined;
      try {
        partition = await this.rota.next();
        this.heartbeat.beat();
        if (partition !== undefined) await this.turn(partition);
      } catch (error) {
        this.failures.warn(error, { partition }, 'a turn of the consumer failed');
        if (partition !== undefined) this.rota.again(partition);
        await this.options.clock.sleep(PAUSE_AFTER_FAILURE_MS, signal);
      }
    }
  }

  private async turn(partition: number): Promise<void> {
    const receipt = await this.untilPassed(partition);
    if (receipt === undefined) return;
    const { lease, isolatedWaiting, nextDueMs } = receipt;
    if (isolatedWaiting && (await this.isolate(partition))) {
      this.rota.again(partition);
    } else if (lease === undefined) {
      this.rota.empty(partition, nextDueMs);
    }
  }

  /** Undefined once the consumer drains. */
  private async untilPassed(partition: number): Promise<Receipt | undefined> {
    const { signal } = this.draining;
    const work = () => this.sinkOutage.pass(() => this.receiveAndWork(partition));
    while (!signal.aborted) {
      await this.sinkOutage.untilPassable(signal);
      const receipt = await this.gate.runShared(work);
      if (receipt !== HELD_OFF) return receipt;
    }
    return undefined;
  }

  private async receiveAndWork(partition: number): Promise<Receipt | undefined> {
    const { signal } = this.draining;
    const receipt = await this.receiver.receive(partition, 'skip', signal);
    if (receipt?.lease === undefined) return receipt;
    this.rota.found(partition, receipt.lease.size >= this.options.batchSize);
    await this.work.run(receipt.lease, receipt.requestedAt, false);
    return receipt;
  }

  /** True when there was progress to be had by it, here or in another loop: worth asking again. */
  private async isolate(partition: number): Promise<boolean> {
    const { clock } = this.options;
    const isolation = this.isolations.get(partition) ?? {
      pending: false,
      notBefore: 0,
      patienceMs: FIRST_ISOLATION_PATIENCE_MS,
    };
    this.isolations.set(partition, isolation);
    if (isolation.pending) return true;
    if (clock.monotonic() < isolation.notBefore) return false;
    isolation.pending = true;
    const over = new AbortController();
    const patience = clock.sleep(isolation.patienceMs, over.signal);
    try {
      const work = () => this.sinkOutage.pass(() => this.workIsolated(partition, isolation));
      const progress = await this.gate.runExclusive(work, patience);
      if (progress === HELD_OFF) return false;
      if (progress === undefined) {
        isolation.notBefore = clock.monotonic() + 4 * isolation.patienceMs;
        isolation.patienceMs = Math.min(2 * isolation.patienceMs, MAX_ISOLATION_PATIENCE_MS);
        return false;
      }
      isolation.patienceMs = FIRST_ISOLATION_PATIENCE_MS;
      return progress;
    } finally {
      over.abort();
      isolation.pending = false;
    }
  }

  private async workIsolated(partition: number, isolation: Isolation): Promise<boolean> {
    const { clock, random } = this.options;
    const receipt = await this.receiver.receive(partition, 'only', this.draining.signal);
    if (receipt === undefined) return false;
    if (receipt.lease === undefined) {
      const pauseMs = (ISOLATION_PAUSE_MS / 2) * (1 + random.next());
      isolation.notBefore = clock.monotonic() + pauseMs;
      return false;
    }
    await this.work.run(receipt.lease, receipt.requestedAt, true);
    return true;
  }
}
