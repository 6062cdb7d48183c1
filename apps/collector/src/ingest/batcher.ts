import {
  PipelineError,
  type Clock,
  type Component,
  type ErrorCode,
  type Random,
} from '@event-pipeline/runtime';
import {
  MAX_BATCH_BYTES,
  MAX_BATCH_EVENTS,
  type EnqueueBatch,
  type EnqueueResult,
  type Queue,
} from '@event-pipeline/queue';

/** Whoever appends single events and waits to hear what became of them. */
export interface EventOwner {
  /**
   * Events up to and including the one with `lastIndex` are in the queue: `count` of them since the
   * last time, which cost `cost`. Called in the order of appending.
   */
  durable(lastIndex: number, count: number, cost: number): void;
  /** `count` events, which cost `cost`, could not be queued. */
  failed(error: PipelineError, count: number, cost: number): void;
}

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

/** A batch on its way, and who waits for it. */
interface PendingBatch {
  readonly batch: EnqueueBatch;
  readonly bytes: number;
  /** Of the monotonic clock. */
  readonly deadline: number;
  resolve(result: EnqueueResult): void;
  reject(error: PipelineError): void;
}

/** Digest of a batch whose id is ours: nobody else can use it for other events. */
export const NO_DIGEST = '-';
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1_000;
/**
 * How long an id of ours is remembered: twice the longest patience that can be configured, after
 * which it is never sent again.
 */
export const OWN_ID_REMEMBERED_MS = 120_000;

/**
 * Turns what all streams and callers bring into few large calls of the queue.
 *
 * One call is under way at a time; what comes meanwhile goes with the next one. So nothing waits
 * while the queue is idle, batches grow by themselves under load, and the order of arrival is the
 * order in the queue. A call that got no answer is repeated under the same batch ids, so what had
 * been queued is not queued twice.
 *
 * It bounds nothing: callers hold a budget (FlowController) for what they have brought and not yet
 * heard of.
 */
export class Batcher implements Component {
  readonly name = 'batcher';
  private readonly waiting: PendingBatch[] = [];
  private gathering: SharedBatch | undefined;
  private running: Promise<void> | undefined;
  private readonly givenUp = new AbortController();

  constructor(
    private readonly queue: Queue,
    private readonly partition: number,
    private readonly options: BatcherOptions,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly observer: BatcherObserver,
  ) {}

  start(): Promise<void> {
    return Promise.resolve();
  }

  /** Waits until everything that was brought is answered; at the end of the grace it gives up. */
  async stop(signal: AbortSignal): Promise<void> {
    const giveUp = () => this.givenUp.abort();
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    while (this.running) await this.running;
    signal.removeEventListener('abort', giveUp);
  }

  /**
   * Appends one event of a stream; its owner hears of it, in order.
   *
   * @param cost what the event weighs, in bytes: see EVENT_OVERHEAD_BYTES
   */
  append(body: string, cost: number, owner: EventOwner, index: number): void {
    let shared = this.gathering;
    if (!shared?.fits(cost)) {
      shared = new SharedBatch(this.random.uuid(), this.deadline());
      this.gathering = shared;
      this.waiting.push(shared);
      this.schedule();
    }
    shared.append(body, cost, owner, index);
  }

  /**
   * Enqueues one batch as it is.
   *
   * @param bytes what its events weigh together
   * @throws PipelineError QUEUE_UNAVAILABLE when patience is over, QUEUE_FULL, BATCH_ID_REUSED
   */
  async enqueue(batch: EnqueueBatch, bytes: number): Promise<EnqueueResult> {
    // Single events that come later must not overtake this batch.
    this.gathering = undefined;
    const result = new Promise<EnqueueResult>((resolve, reject) => {
      this.waiting.push({ batch, bytes, deadline: this.deadline(), resolve, reject });
    });
    this.schedule();
    return result;
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
    if (this.waiting.length === 0) this.gathering = undefined;
    return taken;
  }

  private async sendUntilAnswered(call: readonly PendingBatch[]): Promise<void> {
    let pending = call;
    for (let attempt = 0; pending.length > 0; attempt++) {
      try {
        await this.send(pending);
        return;
      } catch (error) {
        pending = this.giveUpSome(pending, knownError(error));
      }
      if (pending.length === 0) return;
      const delay = Math.min(FIRST_RETRY_MS * 2 ** attempt, MAX_RETRY_MS);
      await this.clock.sleep(delay, this.givenUp.signal);
    }
  }

  private async send(pending: readonly PendingBatch[]): Promise<void> {
    const begin = this.clock.monotonic();
    const batches = pending.map(({ batch }) => batch);
    const results = await this.queue.enqueue(this.partition, batches);
    const events = batches.reduce((sum, { bodies }) => sum + bodies.length, 0);
    this.observer.enqueued(events, (this.clock.monotonic() - begin) / 1_000);
    pending.forEach((one, at) => {
      const result = results[at];
      if (result === undefined || result.outcome === 'refused') {
        one.reject(refusal(result?.reason));
      } else {
        one.resolve(result);
      }
    });
  }

  /** Rejects those for which the error is final; returns those to be tried again. */
  private giveUpSome(pending: readonly PendingBatch[], error: PipelineError): PendingBatch[] {
    const retryable = error.code === 'QUEUE_UNAVAILABLE' && !this.givenUp.signal.aborted;
    const now = this.clock.monotonic();
    return pending.filter((one) => {
      if (retryable && now < one.deadline) return true;
      one.reject(error);
      return false;
    });
  }
}

/** Events of several streams in one batch, with an id of its own. */
class SharedBatch implements PendingBatch {
  private readonly bodies: string[] = [];
  private readonly runs: { owner: EventOwner; lastIndex: number; count: number; cost: number }[] =
    [];
  bytes = 0;
  readonly batch: EnqueueBatch;

  constructor(
    id: string,
    readonly deadline: number,
  ) {
    const { bodies } = this;
    this.batch = { id, digest: NO_DIGEST, answer: '', rememberMs: OWN_ID_REMEMBERED_MS, bodies };
  }

  fits(bytes: number): boolean {
    return this.bodies.length < MAX_BATCH_EVENTS && this.bytes + bytes <= MAX_BATCH_BYTES;
  }

  append(body: string, cost: number, owner: EventOwner, index: number): void {
    this.bodies.push(body);
    this.bytes += cost;
    const run = this.runs.at(-1);
    if (run?.owner === owner) {
      run.lastIndex = index;
      run.count += 1;
      run.cost += cost;
    } else {
      this.runs.push({ owner, lastIndex: index, count: 1, cost });
    }
  }

  resolve(): void {
    for (const { owner, lastIndex, count, cost } of this.runs)
      owner.durable(lastIndex, count, cost);
  }

  reject(error: PipelineError): void {
    for (const { owner, count, cost } of this.runs) owner.failed(error, count, cost);
  }
}

function refusal(reason: 'QUEUE_FULL' | 'BATCH_ID_REUSED' | undefined): PipelineError {
  switch (reason) {
    case 'QUEUE_FULL':
      return new PipelineError('QUEUE_FULL', 'the queue is full');
    case 'BATCH_ID_REUSED':
      return new PipelineError('BATCH_ID_REUSED', 'this batch_id was used for other events');
    case undefined:
      return new PipelineError('INTERNAL', 'the queue gave no answer for a batch');
  }
}

/** What the queue reports of its own state passes; anything else is a bug of ours. */
function knownError(error: unknown): PipelineError {
  const known = PipelineError.from(error);
  const reported: readonly ErrorCode[] = ['QUEUE_UNAVAILABLE', 'QUEUE_FULL', 'QUEUE_CORRUPT'];
  if (reported.includes(known.code)) return known;
  return new PipelineError('INTERNAL', `enqueue failed: ${known.message}`, { cause: error });
}
