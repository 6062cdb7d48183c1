import type { ServerReadableStream, sendUnaryData } from '@grpc/grpc-js';
import type { Rejection, StreamSummary } from '@event-pipeline/contracts';
import { messageOf, PipelineError, type FlowController } from '@event-pipeline/runtime';
import { EVENT_OVERHEAD_BYTES } from '../ingest/batch-parts';
import type { Batcher, EventOwner } from '../ingest/batcher';
import type { EventIngestor, Verdict } from '../ingest/event-ingestor';
import type { IntakeObserver } from '../intake-observer';
import { isInternal, toServiceError } from './status-mapping';

export type RawStreamCall = ServerReadableStream<Buffer, StreamSummary>;

export interface EventStreamParts {
  readonly ingestor: EventIngestor;
  readonly batcher: Batcher;
  readonly flow: FlowController;
  readonly observer: IntakeObserver;
  /** Called for errors that are bugs; the client learns only that there was one. */
  readonly onInternalError: (error: PipelineError) => void;
}

/** Rejections that a summary lists in full; the rest is counted. */
const LISTED_REJECTIONS = 100;

/**
 * One StreamEvents call.
 *
 * Reads as fast as the budget for events in flight allows and stops reading while it is used up.
 * Answers once: after the client has ended and everything accepted is durable; or early, with a
 * status, when an event cannot be queued or the collector drains. An early summary covers a prefix
 * of what was sent: events up to the last durable one. What was read after that may be queued all
 * the same; the client sends it again, and the store keeps an event once.
 */
export class EventStream implements EventOwner {
  private received = 0;
  private accepted = 0;
  /** How many leading events are settled: durable, or refused before a durable one. */
  private settled = 0;
  private rejected = 0;
  private readonly rejections: Rejection[] = [];
  /** Appended and not heard of yet. */
  private pending = 0;
  private ended = false;
  private drainReason: PipelineError | undefined;
  private answered = false;
  private readonly gone = new AbortController();

  constructor(
    private readonly call: RawStreamCall,
    private readonly answer: sendUnaryData<StreamSummary>,
    private readonly parts: EventStreamParts,
    /** Called once, when nothing more happens on this stream; says whether it ended well. */
    private readonly onClosed: (stream: EventStream, isAcknowledged: boolean) => void,
  ) {
    call.on('data', (bytes: Buffer) => this.read(bytes));
    call.on('end', () => {
      this.ended = true;
      this.finishIfComplete();
    });
    // The client went away, or grpc-js ended the stream itself (a message that is too large).
    call.on('cancelled', () => this.abandon());
    call.on('error', () => this.abandon());
    call.on('close', () => {
      // A stream that was read to its end closes, too: its client still waits for the answer.
      if (!this.ended) this.abandon();
    });
  }

  durable(lastIndex: number, count: number, cost: number): void {
    this.parts.flow.release(count, cost);
    this.pending -= count;
    if (this.answered) return;
    this.parts.observer.accepted(count);
    this.accepted += count;
    this.settled = lastIndex + 1;
    this.finishIfComplete();
  }

  failed(error: PipelineError, count: number, cost: number): void {
    this.parts.flow.release(count, cost);
    this.pending -= count;
    if (this.answered) return;
    if (isInternal(error)) this.parts.onInternalError(error);
    this.endEarly(error);
  }

  /** Ends the stream with a status; the summary says which prefix needs not be sent again. */
  endEarly(error: PipelineError): void {
    if (this.answered) return;
    const rejected = this.settled - this.accepted;
    const rejections = this.rejections.filter(({ index }) => index < this.settled);
    this.parts.observer.failed(error.code);
    this.respond(false, () =>
      this.answer(
        toServiceError(error, {
          summary: {
            success: false,
            received: this.received,
            accepted: this.accepted,
            rejected,
            rejections,
          },
        }),
      ),
    );
    // The client may still be writing: read on and drop, or the call would never close.
    this.call.resume();
  }

  /**
   * Stops reading, waits until what was read is durable, and ends the stream. A client that has
   * sent everything still gets its summary.
   */
  drain(reason: PipelineError): void {
    this.call.pause();
    this.drainReason = reason;
    this.finishIfComplete();
  }

  private read(bytes: Buffer): void {
    if (this.answered) return;
    const cost = bytes.length + EVENT_OVERHEAD_BYTES;
    if (this.parts.flow.tryAcquire(1, cost)) {
      this.take(bytes, cost);
      return;
    }
    this.call.pause();
    this.pending += 1;
    const admitted = () => {
      this.pending -= 1;
      this.take(bytes, cost);
      if (!this.drainReason) this.call.resume();
      // A rejected event is settled at once, and may have been what the drain waited for.
      this.finishIfComplete();
    };
    // Rejected when the stream is over: nobody waits for the event, and it was not acknowledged.
    this.parts.flow.acquire(1, cost, this.gone.signal).then(admitted, () => undefined);
  }

  private take(bytes: Buffer, cost: number): void {
    const index = this.received++;
    this.parts.observer.received(1);
    let verdict: Verdict;
    try {
      verdict = this.parts.ingestor.judge(bytes, index);
    } catch (error) {
      // A bug of ours ends this stream, not the collector and every other stream with it.
      this.parts.flow.release(1, cost);
      this.parts.onInternalError(PipelineError.from(error));
      this.endEarly(PipelineError.from(error));
      return;
    }
    if (verdict.rejection) {
      this.parts.flow.release(1, cost);
      this.parts.observer.rejected(verdict.rejection);
      this.rejected += 1;
      if (this.rejections.length < LISTED_REJECTIONS) this.rejections.push(verdict.rejection);
    } else {
      this.pending += 1;
      // Escapes can make the stored text six times as long as what came.
      const weight = Math.max(cost, Buffer.byteLength(verdict.body));
      this.parts.flow.grow(weight - cost);
      this.parts.batcher.append(verdict.body, weight, this, index);
    }
  }

  private finishIfComplete(): void {
    if (this.answered || this.pending > 0) return;
    if (this.ended) {
      this.respond(true, () =>
        this.answer(null, {
          success: this.rejected === 0,
          received: this.received,
          accepted: this.accepted,
          rejected: this.rejected,
          rejections: this.rejections,
        }),
      );
    } else if (this.drainReason) {
      this.endEarly(this.drainReason);
    }
  }

  private respond(isAcknowledged: boolean, send: () => void): void {
    this.answered = true;
    this.gone.abort();
    try {
      send();
    } catch (error) {
      this.parts.observer.answerFailed(messageOf(error));
    }
    this.onClosed(this, isAcknowledged);
  }

  private abandon(): void {
    if (this.answered) return;
    this.answered = true;
    this.gone.abort();
    this.parts.observer.abandoned(this.pending);
    this.onClosed(this, false);
  }
}
