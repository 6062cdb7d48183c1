import { Metadata, status, type Client, type StatusObject } from '@grpc/grpc-js';
import type { PublishEventsResponse } from '@event-pipeline/contracts';
import type { Clock, Random } from '@event-pipeline/runtime/basics';
import type { Batch } from './batch';
import { openCall, type BatchCall } from './batch-call';
import { CallToken, type TokenSource } from './call-token';
import type { PublishMethod } from './publish-method';
import type { BatchLine } from './batch-line';
import type { CollectorRotation } from './collector-rotation';
import { readFailure, retryDelayMs, type CallFailure } from './failure-rules';
import { refusedBatches } from './refused-batches';
import { LaneChannel } from './lane-channel';
import { LaneWindow, type LaneLimits } from './lane-window';
import type { PublisherTrouble } from './publisher-observer';

/** What the connections of a publisher share. */
export interface LaneDeps {
  readonly line: BatchLine;
  readonly rotation: CollectorRotation;
  readonly clock: Clock;
  readonly random: Random;
  readonly method: PublishMethod;
  readonly token: TokenSource | undefined;
  readonly limits: LaneLimits;
  /** How long a call may go without an answer before its batches are sent again, ms. */
  readonly answerMs: number;
  openChannel(address: string): Client;
  onWritten(batch: Batch): void;
  onAnswer(batch: Batch, response: PublishEventsResponse): void;
  /** The batch is given up since the collector refuses it; false where it is kept and sent again. */
  onRefused(batch: Batch, failure: CallFailure, statusName: string): boolean;
  onTrouble(trouble: PublisherTrouble): void;
  /** A batch that was given up is no longer on its way. */
  onLanded(batch: Batch): void;
  /** The lane has nothing on its way any more. */
  onIdle(): void;
}

/** How long a collector may take to end a call that was answered, before the next one begins elsewhere, ms. */
const TURN_MS = 2_000;

/**
 * One connection. Takes batches from the line while it has room, writes them in order to one call, and
 * settles them as the answers come. Of a call that ends early, every batch without an answer is sent again
 * in order, under its batch id, which the queue takes once. So is what waits too long for its answer: the way
 * to the collector may be dead without saying so. With several collectors a failure leads to the next one.
 */
export class Lane {
  readonly #deps: LaneDeps;
  readonly #window: LaneWindow;
  readonly #token: CallToken;
  readonly #stop = new AbortController();
  readonly #channel: LaneChannel;
  #call: BatchCall | undefined;
  /** Tells the call under way from those before, whose last words may come late. */
  #callNumber = 0;
  /** When the call under way last moved, by the monotonic clock. */
  #movedAt = 0;
  #outOfTime = false;
  #failures = 0;
  #progress = false;
  #recovering: Promise<void> | undefined;
  #ended = false;
  /** The call under way ends as soon as it is answered, since its own collector is back. */
  #turning = false;
  /** While it decides about the batches of a call that failed, nobody may open another one. */
  #deciding = false;

  constructor(number: number, deps: LaneDeps) {
    this.#deps = deps;
    this.#window = new LaneWindow(deps.limits);
    this.#token = new CallToken(deps.token);
    const onNotConnected = (collector: string) => {
      this.#deps.onTrouble({
        kind: 'not-connected',
        collector,
        text: `waiting for collector at ${collector}`,
        givenUp: 0,
        again: this.#window.sentEvents,
        hopeless: false,
      });
    };
    this.#channel = new LaneChannel(number, { ...deps, onNotConnected }, this.#stop.signal);
  }

  get client(): Client {
    return this.#channel.client;
  }

  /** Whether it waits for a connection, or for the time at which it may send again. */
  get isRecovering(): boolean {
    return this.#recovering !== undefined;
  }

  /** Whether a call of it has not ended. */
  get hasCall(): boolean {
    return this.#call !== undefined;
  }

  get hasInFlight(): boolean {
    return this.#window.written > 0;
  }

  /** Writes what there is to write and room for. Call it whenever there may be something. */
  pump(): void {
    const { line, clock, method } = this.#deps;
    if (this.#recovering !== undefined || this.#deciding || this.#stop.signal.aborted) return;
    this.#window.dropOver();
    if (this.#call === undefined) {
      if (this.#ended || (this.#window.isEmpty && line.isEmpty)) return;
      if (!this.#channel.isConnected) {
        // A call would take batches that then may be queued for all that is known.
        this.#recovering = this.#connect();
        return;
      }
      this.#open(method);
    }
    while (this.#call?.isWritable === true && !this.#ended && !this.#turning) {
      if (!this.#window.hasUnwritten) {
        const taken = line.take(this.#window.room);
        if (taken === undefined) return;
        this.#window.add(taken);
      }
      const batch = this.#window.next();
      if (batch === undefined) return;
      if (this.#window.written === 0) this.#movedAt = clock.monotonic();
      this.#window.advance();
      batch.inFlight = true;
      this.#deps.onWritten(batch);
      this.#call.write(batch.bytes);
    }
  }

  /** Looks whether the collector is silent for too long, and whether its own one is back. */
  look(now: number): void {
    this.#window.dropOver();
    this.#lookForHome(now);
    if (this.#call === undefined || this.#window.written === 0) return;
    if (now - this.#movedAt < this.#deps.answerMs) return;
    this.#outOfTime = true;
    this.#call.cancel();
  }

  /** Where its own collector is back, ends its call in order, and goes on there. */
  #lookForHome(now: number): void {
    if (this.#turning && this.#window.written === 0 && now - this.#movedAt >= TURN_MS) {
      this.#call?.cancel();
    }
    if (this.#turning || this.#recovering !== undefined || !this.#channel.mayGoHome()) return;
    if (this.#call === undefined) return this.#channel.goHome();
    this.#turning = true;
    this.#movedAt = now;
    this.#call.end();
  }

  /** Writes nothing more; what is on its way may still be answered. */
  finish(): void {
    this.#ended = true;
    if (this.#window.written === 0) this.#stop.abort();
    this.#call?.end();
  }

  /** Ends everything at once. Answers the batches that it had. */
  async close(): Promise<readonly Batch[]> {
    this.#ended = true;
    this.#stop.abort();
    this.#call?.cancel();
    this.#call = undefined;
    this.#callNumber += 1;
    const left = this.#window.clear();
    await this.#recovering;
    await this.#channel.close();
    return left;
  }

  #open(method: PublishMethod): void {
    const number = ++this.#callNumber;
    this.#outOfTime = false;
    this.#movedAt = this.#deps.clock.monotonic();
    const isCurrent = () => number === this.#callNumber && this.#call !== undefined;
    const listener = {
      onAnswer: (response: PublishEventsResponse) => {
        if (isCurrent()) this.#onAnswer(response);
      },
      onWritable: () => {
        if (isCurrent()) this.pump();
      },
      onEnd: (end: StatusObject) => {
        if (isCurrent()) this.#onEnd(end);
      },
    };
    const metadata = () => this.#token.metadata();
    this.#call = openCall(method, this.#channel.client, listener, metadata);
  }

  #onAnswer(response: PublishEventsResponse): void {
    this.#movedAt = this.#deps.clock.monotonic();
    const { first } = this.#window;
    if (this.#window.written === 0 || first?.id !== response.batchId) return this.#onNonsense();
    this.#window.dropFirst();
    first.inFlight = false;
    this.#failures = 0;
    this.#progress = true;
    this.#channel.worked();
    this.#deps.onAnswer(first, response);
    this.pump();
    if (this.#window.written === 0) this.#deps.onIdle();
  }

  /** An answer for another batch than the next: nothing that this call says can be trusted. */
  #onNonsense(): void {
    const details = 'the collector answered a batch that was not the next one';
    this.#call?.cancel();
    this.#onEnd({ code: status.INTERNAL, details, metadata: new Metadata() });
  }

  #onEnd(end: StatusObject): void {
    this.#call = undefined;
    this.#callNumber += 1;
    const turned = this.#turning && this.#window.written === 0;
    if (turned) this.#channel.goHome();
    this.#turning = false;
    const outcome = this.#outOfTime ? unanswered(this.#deps.answerMs) : end;
    const written = this.#window.rewind();
    if (written.length === 0 && (turned || outcome.code === status.OK)) {
      this.#deps.onIdle();
      return this.pump();
    }
    this.#deciding = true;
    for (const batch of written) {
      if (batch.over) this.#deps.onLanded(batch);
    }
    this.#failures = this.#progress ? 1 : this.#failures + 1;
    this.#progress = false;
    const failure = this.#failureOf(outcome);
    const delay = this.#settleFailure(failure, outcome, written);
    this.#window.dropOver();
    this.#deciding = false;
    this.#deps.onIdle();
    if (this.#ended) return;
    if (delay === undefined) return this.pump();
    // A busy collector is no reason to leave it.
    this.#recovering = this.#recover(delay, outcome.code === status.RESOURCE_EXHAUSTED);
  }

  /** Answers how long to wait; undefined where the rest may be sent at once. */
  #settleFailure(
    failure: CallFailure,
    end: StatusObject,
    written: readonly Batch[],
  ): number | undefined {
    const { random, onRefused, onTrouble } = this.#deps;
    const statusName = status[end.code] ?? String(end.code);
    let givenUp = 0;
    for (const batch of refusedBatches(failure, end.code, written)) {
      if (!batch.over && onRefused(batch, failure, statusName)) givenUp += batch.events;
    }
    const delay =
      failure.action === 'next' && written.length > 0
        ? undefined
        : retryDelayMs(this.#failures, failure.retryDelayMs, random);
    if (written.length > 0 || failure.action === 'stop') {
      onTrouble({
        kind: 'call-failed',
        collector: this.#channel.address,
        text: failure.text,
        givenUp,
        again: this.#ended ? 0 : this.#againAfter(),
        hopeless: failure.action === 'stop',
      });
    }
    return delay;
  }

  #againAfter(): number {
    this.#window.dropOver();
    return this.#window.sentEvents;
  }

  #failureOf(end: StatusObject): CallFailure {
    if (end.code !== status.OK) {
      const failure = readFailure(end, this.#deps.method === 'stream' ? 'stream' : 'unary');
      const isRenewed = end.code === status.UNAUTHENTICATED && this.#token.isRenewed;
      return isRenewed ? { ...failure, action: 'again' } : failure;
    }
    const text = 'the collector ended a stream without answering every batch';
    return { action: 'again', ambiguous: true, text };
  }

  /** Waits until sending may go on, with the same collector or the next one. */
  async #recover(delayMs: number, isBusy: boolean): Promise<void> {
    await this.#channel.afterFailure(delayMs, isBusy, this.#failures);
    this.#recovering = undefined;
    this.pump();
  }

  async #connect(): Promise<void> {
    await this.#channel.connected();
    this.#recovering = undefined;
    this.pump();
  }
}

/** As a deadline of the call would say it; a stream has none, since it may go on for ever. */
function unanswered(limitMs: number): StatusObject {
  const details = `no answer to a batch within ${limitMs / 1_000} s`;
  return { code: status.DEADLINE_EXCEEDED, details, metadata: new Metadata() };
}
