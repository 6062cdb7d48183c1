import type { ServerReadableStream, sendUnaryData } from '@grpc/grpc-js';
import type { Rejection, StreamSummary } from '@event-pipeline/contracts';
import { messageOf, PipelineError, type FlowBudget } from '@event-pipeline/runtime';
import { EVENT_OVERHEAD_BYTES } from '../ingest/batch-parts';
import type { EventOrigin } from '../ingest/event-origin';
import type { EventIngestor, Verdict } from '../ingest/event-ingestor';
import type { PartitionBatchers } from '../ingest/partition-batchers';
import type { EventOwner, EventRun } from '../ingest/shared-batch';
import type { IntakeObserver } from '../intake-observer';
import type { StreamTrace } from '../tracing/stream-trace';
import { isInternal, toServiceError } from './status-mapping';

export type RawStreamCall = ServerReadableStream<Buffer, StreamSummary>;

/** What a call is known by in the log; absent where it has none, or where nothing is known yet. */
export interface CallNames {
  readonly method: string;
  /** Of the process, from 1. */
  readonly stream?: number;
  readonly batch?: string;
  readonly trace?: string;
}

export interface EventStreamParts {
  readonly ingestor: EventIngestor;
  readonly batchers: PartitionBatchers;
  /** What this stream may hold of the budget for events in flight. */
  readonly flow: FlowBudget;
  /** Who sends the events; undefined: anybody. */
  readonly origin?: EventOrigin | undefined;
  readonly observer: IntakeObserver;
  /** Called for errors that are bugs; the client learns only that there was one. */
  readonly onInternalError: (error: PipelineError, call: CallNames) => void;
  /** Where tracing is on. */
  readonly trace?: StreamTrace | undefined;
  /** Of the process, from 1. */
  readonly stream: number;
}

/** Rejections that a summary lists in full; the rest is counted. */
const LISTED_REJECTIONS = 100;

/**
 * One StreamEvents call.
 *
 * Reads as fast as the budget for events in flight allows and stops reading while it is used up.
 * Answers once: after the client has ended and everything accepted is durable; or early, with a
 * status, when an event cannot be queued or the collector drains. An early summary covers a prefix
 * of what was sent: events up to the first that is not known to be durable. Later ones may be queued
 * all the same; the client sends them again, and the store keeps an event once.
 */
export class EventStream implements EventOwner {
  private received = 0;
  private rejected = 0;
  private readonly rejections: Rejection[] = [];
  /**
   * Appended and not heard of yet, the earliest first, each with the number of events that were
   * rejected before it.
   */
  private readonly outstanding = new Map<EventRun, number>();
  /** Events that were appended and not heard of yet, or wait for the budget. */
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

  durable(run: EventRun): void {
    this.parts.flow.release(run.count, run.cost);
    this.pending -= run.count;
    if (this.answered) return;
    this.outstanding.delete(run);
    this.parts.observer.accepted(run.count);
    this.parts.trace?.settled(run.count);
    this.finishIfComplete();
  }

  failed(error: PipelineError, run: EventRun): void {
    this.parts.flow.release(run.count, run.cost);
    this.pending -= run.count;
    if (this.answered) return;
    if (isInternal(error)) this.parts.onInternalError(error, this.names);
    this.endEarly(error);
  }

  /** Ends the stream with a status; the summary says which prefix needs not be sent again. */
  endEarly(error: PipelineError): void {
    if (this.answered) return;
    const [earliest] = this.outstanding;
    const [settled, rejected] =
      earliest === undefined
        ? [this.received, this.rejected]
        : [earliest[0].firstIndex, earliest[1]];
    const rejections = this.rejections.filter(({ index }) => index < settled);
    this.parts.observer.failed(error.code);
    this.parts.trace?.end(error.code);
    this.respond(false, () =>
      this.answer(
        toServiceError(error, {
          summary: {
            success: false,
            received: this.received,
            accepted: settled - rejected,
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

  /** Grows with what is read. */
  get progress(): number {
    return this.received;
  }

  private get names(): CallNames {
    const { stream, trace } = this.parts;
    const traceId = trace?.traceId;
    return { method: 'StreamEvents', stream, ...(traceId !== undefined && { trace: traceId }) };
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
    // Rejected under load, and when the stream is over: nobody waits for the event then.
    const refused = (error: unknown) => {
      this.pending -= 1;
      this.endEarly(PipelineError.from(error));
    };
    this.parts.flow.acquire(1, cost, this.gone.signal).then(admitted, refused);
  }

  private take(bytes: Buffer, cost: number): void {
    const index = this.received;
    let verdict: Verdict;
    try {
      const { ingestor, origin, trace } = this.parts;
      const traceparent = trace?.take(bytes);
      const now = ingestor.now();
      verdict = ingestor.judge(bytes, 0, bytes.length, index, now, origin, traceparent);
    } catch (error) {
      // A bug of ours ends this stream, not the collector and every other stream with it.
      this.parts.flow.release(1, cost);
      this.parts.onInternalError(PipelineError.from(error), this.names);
      this.endEarly(PipelineError.from(error));
      return;
    }
    this.received += 1;
    this.parts.observer.received(1);
    if (verdict.rejection) {
      this.parts.flow.release(1, cost);
      this.parts.observer.rejected(verdict.rejection);
      this.parts.trace?.settled(1);
      this.rejected += 1;
      if (this.rejections.length < LISTED_REJECTIONS) this.rejections.push(verdict.rejection);
    } else {
      this.pending += 1;
      // Escapes can make the stored text six times as long as what came.
      const weight = Math.max(cost, verdict.textBytes);
      this.parts.flow.grow(weight - cost);
      const run = this.parts.batchers.append(verdict, weight, this, index);
      if (!this.outstanding.has(run)) this.outstanding.set(run, this.rejected);
    }
  }

  private finishIfComplete(): void {
    if (this.answered || this.pending > 0) return;
    if (this.ended) {
      this.respond(true, () =>
        this.answer(null, {
          success: this.rejected === 0,
          received: this.received,
          accepted: this.received - this.rejected,
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
    this.parts.trace?.end();
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
    this.parts.trace?.end('CANCELLED');
    this.parts.observer.abandoned(this.pending);
    this.onClosed(this, false);
  }
}
