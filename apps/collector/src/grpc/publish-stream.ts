import { constants } from 'node:http2';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { PublishEventsResponse, Rejection } from '@event-pipeline/contracts';
import { PipelineError, type Clock, type FlowBudget } from '@event-pipeline/runtime';
import type { EventOrigin } from '../ingest/event-origin';
import type { BatchIntake } from '../ingest/batch-intake';
import type { IntakeObserver } from '../intake-observer';
import type { TracedSpan } from '@event-pipeline/telemetry';
import type { CallNames } from './event-stream';
import { isInternal, toServiceError } from './status-mapping';

export type RawDuplexCall = ServerDuplexStream<Buffer, PublishEventsResponse>;

export interface PublishStreamParts {
  readonly batches: BatchIntake;
  /** What this stream may hold of the budget for events in flight. */
  readonly flow: FlowBudget;
  /** The memory for answers of all streams, in bytes; see {@link ANSWER_BYTES_PER_EVENT}. */
  readonly answers: FlowBudget;
  /** Who sends the batches; undefined: anybody. */
  readonly origin?: EventOrigin | undefined;
  readonly clock: Clock;
  readonly observer: IntakeObserver;
  /** Called for errors that are bugs; the client learns only that there was one. */
  readonly onInternalError: (error: PipelineError, call: CallNames) => void;
  /** Of the process, from 1. */
  readonly stream: number;
  /** The traceparent that the stream came with. */
  readonly caller?: string | undefined;
}

/**
 * Most batches of one stream that were read and whose answer has not left. Twice what goes into one
 * call of the queue: one call is under way while the next one fills, and more would only wait.
 */
export const MAX_UNANSWERED_BATCHES = 32;
/**
 * Reading stops while answers of more bytes than this have not left: an answer names each event
 * that was refused, so it can be much larger than its request.
 */
const MAX_WAITING_ANSWER_BYTES = 262_144;
/** What a rejection needs in memory beyond its texts. */
const REJECTION_OVERHEAD_BYTES = 128;
/** What is set aside of the memory for answers, for each event, until it is known how many are refused. */
const ANSWER_BYTES_PER_EVENT = 256;

/** A batch of the stream until it is answered. */
interface Slot {
  /** In the stream, from 0. */
  readonly position: number;
  /** When it was read, by the monotonic clock. */
  readonly begin: number;
  /** Empty where it has none, or none that could be read. */
  batchId: string;
  /** Events that may be on their way into the queue. */
  events: number;
  answerBytes: number;
  span: TracedSpan | undefined;
  outcome: Outcome | undefined;
}

/** The part of grpc-js' call that knows the HTTP/2 stream. */
interface CallInside {
  readonly call?: { readonly stream?: { close(code: number): void } };
}

type Outcome =
  | { readonly response: PublishEventsResponse; readonly error?: undefined }
  | { readonly response?: undefined; readonly error: PipelineError };

/**
 * One PublishEventStream call.
 *
 * Batches are read one after the other; the next one is read when the last one has been handed to
 * the batcher as a whole, so they are queued in the order of the stream, while the answers of
 * earlier ones are still to come. Reading stops while the budget for events in flight is used up,
 * while many batches are unanswered, while the client does not take its answers, and while the answers of
 * all streams need as much memory as they may.
 *
 * Answers in the order of the requests. The first batch that cannot be queued ends the stream with a
 * status, after all batches before it have been answered; later ones may be queued all the same.
 * With their batch ids the client can send them again.
 */
export class PublishStream {
  private received = 0;
  /** Read and not answered, in order. */
  private readonly unanswered: Slot[] = [];
  /** From reading a batch until it is handed to the batcher. */
  private taking = false;
  /** Answers that are on their way to the client. */
  private leaving = 0;
  /** Of answers to come, as far as they are known, and of those that are on their way. */
  private answerBytes = 0;
  /** What this stream holds of the memory for answers. */
  private reserved = 0;
  /** When an answer left last, or the first of those that are on their way was written. */
  private leftAt = 0;
  /** A batch has failed: its status is the last answer. */
  private failed = false;
  private ended = false;
  private isOver = false;
  private drainReason: PipelineError | undefined;
  private closed = false;
  private readonly gone = new AbortController();

  constructor(
    private readonly call: RawDuplexCall,
    private readonly parts: PublishStreamParts,
    /** Called once, when nothing more happens on this stream. */
    private readonly onClosed: (stream: PublishStream) => void,
  ) {
    call.on('data', (bytes: Buffer) => this.read(bytes));
    call.on('end', () => {
      this.ended = true;
      this.finishIfComplete();
    });
    // The client went away, or grpc-js ended the stream itself (a message that is too large).
    call.on('cancelled', () => this.gonePast());
    call.on('error', () => this.abandon());
    call.on('close', () => this.gonePast());
  }

  /** Since when its client has taken no answer, of those that were written; undefined: it takes them. */
  get stuckSince(): number | undefined {
    return this.leaving > 0 ? this.leftAt : undefined;
  }

  /** Resets the stream, with what it holds: a status would wait behind the answers that nobody reads. */
  cut(error: PipelineError): void {
    this.parts.observer.failed(error.code);
    this.abandon();
    const { call } = this.call as unknown as CallInside;
    // grpc-js has no way to reset a stream.
    call?.stream?.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    this.call.destroy();
    this.giveBack(this.reserved);
  }

  /**
   * Stops reading, waits until what was read is answered, and ends the stream. One that the client
   * has ended ends well.
   */
  drain(reason: PipelineError): void {
    this.call.pause();
    this.drainReason = reason;
    this.finishIfComplete();
  }

  /** Grows with what is read. */
  get progress(): number {
    return this.received;
  }

  private read(bytes: Buffer): void {
    if (this.failed || this.closed) return;
    this.call.pause();
    this.taking = true;
    const slot: Slot = {
      position: this.received++,
      begin: this.parts.clock.monotonic(),
      batchId: '',
      events: 0,
      answerBytes: 0,
      span: undefined,
      outcome: undefined,
    };
    this.unanswered.push(slot);
    this.publish(bytes, slot).then(
      (response) => this.settle(slot, { response }),
      (error: unknown) => this.settle(slot, { error: PipelineError.from(error) }),
    );
  }

  private async publish(bytes: Buffer, slot: Slot): Promise<PublishEventsResponse> {
    const { batches, origin, caller } = this.parts;
    const batch = batches.read(bytes, 'PublishEventStream', origin, caller);
    slot.batchId = batch.batchId;
    slot.span = batch.span;
    // Rejects when the stream is over: nobody waits for the batch, and it was not acknowledged.
    const { signal } = this.gone;
    const reserved = batch.count * ANSWER_BYTES_PER_EVENT;
    await this.parts.answers.acquire(0, reserved, signal);
    this.reserved += reserved;
    const admission = await batches.admit(batch, this.parts.flow, signal);
    slot.events = batch.count;
    return batches.queue(batch, admission, (rejections) => {
      slot.answerBytes = bytesOf(rejections);
      this.answerBytes += slot.answerBytes;
      if (this.isOver) return;
      if (slot.answerBytes > reserved) {
        this.parts.answers.grow(slot.answerBytes - reserved);
        this.reserved += slot.answerBytes - reserved;
      } else {
        this.giveBack(reserved - slot.answerBytes);
      }
      this.taking = false;
      this.readOn();
    });
  }

  private readOn(): void {
    const mayRead =
      !this.taking &&
      !this.failed &&
      !this.closed &&
      this.drainReason === undefined &&
      this.unanswered.length + this.leaving < MAX_UNANSWERED_BATCHES &&
      this.answerBytes <= MAX_WAITING_ANSWER_BYTES;
    if (mayRead) this.call.resume();
  }

  private settle(slot: Slot, outcome: Outcome): void {
    slot.outcome = outcome;
    slot.span?.end(outcome.error?.code);
    if (outcome.error) this.failed = true;
    this.answerInOrder();
  }

  private answerInOrder(): void {
    for (let first = this.unanswered[0]; first?.outcome; first = this.unanswered[0]) {
      if (this.closed) return;
      this.unanswered.shift();
      const { response, error } = first.outcome;
      if (error) return this.endEarly(error, first);
      this.answer(first, response);
    }
    this.finishIfComplete();
  }

  private answer({ begin, answerBytes }: Slot, response: PublishEventsResponse): void {
    const { clock, observer } = this.parts;
    observer.acknowledged((clock.monotonic() - begin) / 1_000);
    if (this.leaving === 0) this.leftAt = clock.monotonic();
    this.leaving += 1;
    // Called when HTTP/2 has let the answer go, so not while the client reads nothing.
    this.call.write(response, () => {
      this.leaving -= 1;
      this.answerBytes -= answerBytes;
      this.leftAt = clock.monotonic();
      this.giveBack(answerBytes);
      this.readOn();
    });
  }

  private finishIfComplete(): void {
    if (this.closed || this.unanswered.length > 0) return;
    if (this.ended) {
      this.close();
      this.call.end();
    } else if (this.drainReason) {
      this.endEarly(this.drainReason);
    }
  }

  private endEarly(error: PipelineError, about?: Slot): void {
    this.parts.observer.failed(error.code);
    if (isInternal(error)) this.parts.onInternalError(error, this.namesOf(about));
    this.close();
    // The way in which grpc-js takes a status for a stream of answers; earlier ones go out first.
    this.call.emit(
      'error',
      toServiceError(error, about === undefined ? {} : { about: nameOf(about) }),
    );
    // The client may still be writing: read on and drop, or the call would never close.
    this.call.resume();
  }

  private namesOf(slot: Slot | undefined): CallNames {
    const traceId = slot?.span?.traceId;
    return {
      method: 'PublishEventStream',
      stream: this.parts.stream,
      ...(slot !== undefined && slot.batchId !== '' && { batch: slot.batchId }),
      ...(traceId !== undefined && { trace: traceId }),
    };
  }

  /** Nothing of it is in memory any longer. */
  private gonePast(): void {
    this.abandon();
    this.isOver = true;
    this.giveBack(this.reserved);
  }

  private giveBack(bytes: number): void {
    // What was given back at its end is not given back again by what ends after it.
    const given = Math.min(bytes, this.reserved);
    this.reserved -= given;
    this.parts.answers.release(0, given);
  }

  private abandon(): void {
    if (this.closed) return;
    const pending = this.unanswered.filter(({ outcome }) => outcome === undefined);
    this.parts.observer.abandoned(pending.reduce((sum, { events }) => sum + events, 0));
    this.close();
  }

  private close(): void {
    this.closed = true;
    this.gone.abort();
    this.onClosed(this);
  }
}

function bytesOf(rejections: readonly Rejection[]): number {
  return rejections.reduce(
    (sum, { eventId, message }) => sum + eventId.length + message.length + REJECTION_OVERHEAD_BYTES,
    0,
  );
}

/** Which batch of the stream, so that its client finds it; an id that was read is a UUID. */
function nameOf({ position, batchId }: Slot): string {
  return `batch ${position} of the stream${batchId === '' ? '' : ` (batch_id ${batchId})`}`;
}
