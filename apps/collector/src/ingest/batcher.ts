import { PipelineError, type Clock, type ErrorCode, type Random } from '@event-pipeline/runtime';
import {
  EventPacker,
  MAX_BATCH_BYTES,
  type EnqueueBatch,
  type EnqueueResult,
  type Queue,
  type RefusalReason,
} from '@event-pipeline/queue';
import type { StorableEvent } from './storable-event';
import { SharedBatch, type EventOwner, type EventRun, type PendingBatch } from './shared-batch';

export interface BatcherOptions {
  /** How long an event may wait for an unreachable queue before it is given up. */
  readonly patienceMs: number;
  /** Most batches and bytes in one call of the queue. */
  readonly maxBatchesPerCall?: number;
  readonly maxBytesPerCall?: number;
}

export interface BatcherObserver {
  /** One call of the queue was answered. */
  enqueued(events: number, seconds: number): void;
}

const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1_000;

/**
 * Turns what all streams and callers bring for one partition into few large calls of the queue.
 *
 * One call is under way at a time; what comes meanwhile goes with the next one. So nothing waits
 * while the queue is idle, batches grow by themselves under load, and the order of arrival is the
 * order in the queue. A call that got no answer is repeated under the same batch ids, so what had
 * been queued is not queued twice.
 *
 * It bounds nothing: callers hold a budget (FlowController) for what they have brought and not yet
 * heard of.
 */
export class Batcher {
  private readonly waiting: PendingBatch[] = [];
  /** The last of those waiting, if any. */
  private gathering: SharedBatch | undefined;
  private readonly packer = new EventPacker();
  private running: Promise<void> | undefined;
  private readonly givenUp = new AbortController();

  constructor(
    private readonly queue: Pick<Queue, 'enqueue'>,
    readonly partition: number,
    private readonly options: BatcherOptions,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly observer: BatcherObserver,
    /**
     * Where what this partition takes no more is to go, when the partitions have changed; this
     * batcher itself while the change is under way.
     */
    private readonly successor: (of: Batcher) => Batcher,
  ) {}

  /** Resolves when everything that was brought is answered; undefined when it is already. */
  get idle(): Promise<void> | undefined {
    return this.running;
  }

  /** From now on nothing is tried again. */
  giveUp(): void {
    this.givenUp.abort();
  }

  /**
   * Appends one event of a stream; its owner hears of it, in order. Returns the run that it is part of.
   *
   * @param cost what the event weighs, in bytes: see EVENT_OVERHEAD_BYTES
   */
  append(event: StorableEvent, cost: number, owner: EventOwner, index: number): EventRun {
    let shared = this.gathering;
    if (!shared?.fits(cost)) {
      this.endGathering();
      shared = new SharedBatch(this.random.uuid(), this.deadline(), this.packer);
      this.gathering = shared;
      this.waiting.push(shared);
      this.schedule();
    }
    return shared.append(event, cost, owner, index);
  }

  /**
   * Enqueues one batch as it is. One with a generation may be refused with PARTITIONS_CHANGED.
   *
   * @param bytes what its events weigh together
   * @throws PipelineError QUEUE_UNAVAILABLE when patience is over, QUEUE_FULL, BATCH_ID_REUSED
   */
  async enqueue(batch: EnqueueBatch, bytes: number): Promise<EnqueueResult> {
    // Single events that come later must not overtake this batch.
    this.endGathering();
    const result = new Promise<EnqueueResult>((resolve, reject) => {
      this.waiting.push({ batch, bytes, deadline: this.deadline(), resolve, reject });
    });
    this.schedule();
    return result;
  }

  /** Takes over from a batcher whose partition takes no more. */
  private adopt(batch: PendingBatch): void {
    this.endGathering();
    this.waiting.push(batch);
    this.schedule();
  }

  private endGathering(): void {
    this.gathering?.seal();
    this.gathering = undefined;
  }

  private deadline(): number {
    return this.clock.monotonic() + this.options.patienceMs;
  }

  /** Begins after the present turn of the event loop, so that what one read brought goes together. */
  private schedule(): void {
    this.running ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() =>
      this.sendAll(),
    );
  }

  private async sendAll(): Promise<void> {
    while (this.waiting.length > 0) await this.sendUntilAnswered(this.takeCall());
    // In the same step as the look at `waiting`: whoever brings something now schedules anew.
    this.running = undefined;
  }

  /** The next batches that go together in one call: at least one. */
  private takeCall(): PendingBatch[] {
    const { maxBatchesPerCall = 16, maxBytesPerCall = 4 * MAX_BATCH_BYTES } = this.options;
    let count = 0;
    let bytes = 0;
    for (const { bytes: size } of this.waiting) {
      if (count > 0 && (count === maxBatchesPerCall || bytes + size > maxBytesPerCall)) break;
      count += 1;
      bytes += size;
    }
    const taken = this.waiting.splice(0, count);
    if (this.waiting.length === 0) this.endGathering();
    return taken;
  }

  private async sendUntilAnswered(call: readonly PendingBatch[]): Promise<void> {
    let pending = call;
    for (let attempt = 0; pending.length > 0; attempt++) {
      try {
        pending = this.giveUpSome(await this.send(pending), CHANGING);
      } catch (error) {
        const known = knownError(error);
        pending = this.giveUpSome(pending, known);
        this.giveUpExpired(known);
      }
      if (pending.length === 0) return;
      const delay = Math.min(FIRST_RETRY_MS * 2 ** attempt, MAX_RETRY_MS);
      await this.clock.sleep(delay, this.givenUp.signal);
    }
  }

  /** Returns those that are to be tried again. */
  private async send(pending: readonly PendingBatch[]): Promise<readonly PendingBatch[]> {
    const begin = this.clock.monotonic();
    const batches = pending.map(({ batch }) => batch);
    const results = await this.queue.enqueue(this.partition, batches);
    const events = batches.reduce((sum, { bodies }) => sum + bodies.length, 0);
    this.observer.enqueued(events, (this.clock.monotonic() - begin) / 1_000);
    return pending.filter((one, at) => this.isToBeTriedAgain(one, results[at]));
  }

  /** Ends the batch, or hands it over, unless it is to be tried again here. */
  private isToBeTriedAgain(one: PendingBatch, result: EnqueueResult | undefined): boolean {
    if (result?.outcome === 'refused' && result.reason === 'PARTITIONS_CHANGED') {
      // Who routed it by a generation must route it anew; any other is as well off elsewhere.
      if (one.batch.generation !== undefined) {
        one.resolve(result);
        return false;
      }
      const successor = this.successor(this);
      if (successor === this) return true;
      successor.adopt(one);
      return false;
    }
    if (result === undefined || result.outcome === 'refused') one.reject(refusal(result?.reason));
    else one.resolve(result);
    return false;
  }

  /** What waits behind a call without an answer has run out of patience, too. */
  private giveUpExpired(error: PipelineError): void {
    if (error.code !== 'QUEUE_UNAVAILABLE') return;
    const waiting = this.waiting.splice(0);
    // Its batch, or one that was rejected, must not gather more.
    this.endGathering();
    this.waiting.push(...this.giveUpSome(waiting, error));
  }

  /** Rejects those for which the error is final; returns those to be tried again. */
  private giveUpSome(
    pending: readonly PendingBatch[],
    error: PipelineError,
  ): readonly PendingBatch[] {
    const retryable = error.code === 'QUEUE_UNAVAILABLE' && !this.givenUp.signal.aborted;
    const now = this.clock.monotonic();
    return pending.filter((one) => {
      if (retryable && now < one.deadline) return true;
      one.reject(error);
      return false;
    });
  }
}

const CHANGING = new PipelineError(
  'QUEUE_UNAVAILABLE',
  'the number of partitions is being changed, and it takes long',
);

function refusal(reason: RefusalReason | undefined): PipelineError {
  switch (reason) {
    case 'QUEUE_FULL':
      return new PipelineError('QUEUE_FULL', 'the queue is full');
    case 'BATCH_ID_REUSED':
      return new PipelineError('BATCH_ID_REUSED', 'this batch_id was used for other events');
    case 'PARTITIONS_CHANGED':
      return CHANGING;
    case undefined:
      return new PipelineError('INTERNAL', 'the queue gave no answer for a batch');
  }
}

/** What the queue reports of its own state passes; anything else is a bug of ours. */
function knownError(error: unknown): PipelineError {
  const known = PipelineError.from(error);
  const reported: readonly ErrorCode[] = [
    'QUEUE_UNAVAILABLE',
    'QUEUE_NOT_DURABLE',
    'QUEUE_FULL',
    'QUEUE_CORRUPT',
  ];
  if (reported.includes(known.code)) return known;
  return new PipelineError('INTERNAL', `enqueue failed: ${known.message}`, { cause: error });
}
