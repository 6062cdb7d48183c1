import type { PublishEventsResponse, Rejection } from '@event-pipeline/contracts';
import { PipelineError, shownValue, type FlowBudget } from '@event-pipeline/runtime';
import type { IntakeObserver } from '../intake-observer';
import { Admission } from './admission';
import { readBatchFrame, type BatchFrame } from './batch-frame';
import type { Caller } from './caller';
import { EVENT_OVERHEAD_BYTES } from './batch-parts';
import { queueBatch } from './batch-queueing';
import type { QueueingParts } from './enqueue-part';
import type { EventOrigin } from './event-origin';
import { isUuid } from './event-validator';
import type { BatchMethod, CallTracing } from '../tracing/call-tracing';
import type { TracedSpan } from '@event-pipeline/telemetry';

/** How long a unary call waits for the quota of its caller, ms: for the next slice, not for the next second. */
const QUOTA_PATIENCE_MS = 100;

/** The batch of one PublishEventsRequest, not yet admitted. */
export interface IncomingBatch extends BatchFrame {
  /** What it weighs as long as the stored texts of its events are not known, in bytes. */
  readonly cost: number;
  /** Where it is traced. Who has read the batch ends it. */
  readonly span?: TracedSpan;
}

/**
 * The way of a batch in three steps: read, admitted to the budget for events in flight, queued. The
 * unary call takes them at once, a stream of batches one by one.
 */
export class BatchIntake {
  constructor(
    private readonly queueing: QueueingParts,
    private readonly flow: FlowBudget,
    private readonly observer: IntakeObserver,
    /** Most events of one request. */
    private readonly maxEvents: number,
    /** Refuses while the process is under too much load; throws OVERLOADED then. */
    private readonly checkLoad: () => void = () => undefined,
    private readonly tracing?: CallTracing,
  ) {}

  /**
   * Takes all three steps, and refuses where the budget is used up.
   *
   * @param request the request as it came
   * @param caller undefined: anybody
   * @param traceparent that it came with
   * @throws PipelineError INVALID_ARGUMENT, BATCH_ID_REUSED, TOO_LARGE, OVERLOADED, QUOTA_EXCEEDED,
   *   QUEUE_FULL, QUEUE_UNAVAILABLE
   */
  async publish(
    request: Uint8Array,
    caller?: Caller,
    traceparent?: string,
  ): Promise<PublishEventsResponse> {
    const batch = this.read(request, 'PublishEvents', caller?.origin, traceparent);
    try {
      const admission = this.admitNow(batch);
      if (caller?.quota !== undefined) {
        try {
          await caller.quota.take(batch.count, request.length, QUOTA_PATIENCE_MS);
        } catch (error) {
          admission.release();
          throw error;
        }
      }
      const response = await this.queue(batch, admission);
      batch.span?.end();
      return response;
    } catch (error) {
      batch.span?.end(PipelineError.from(error).code);
      throw error;
    }
  }

  /** @throws PipelineError INVALID_ARGUMENT, TOO_LARGE */
  read(
    request: Uint8Array,
    method: BatchMethod,
    origin?: EventOrigin,
    traceparent?: string,
  ): IncomingBatch {
    const frame = readBatchFrame(request, this.maxEvents);
    const { batchId } = frame;
    if (batchId !== '' && !isUuid(batchId)) {
      const problem = `batch_id is ${shownValue(batchId)}; expected a UUID`;
      throw new PipelineError('INVALID_ARGUMENT', problem);
    }
    const cost = request.length + frame.count * EVENT_OVERHEAD_BYTES;
    const span = this.tracing?.batch(method, request, frame.count, traceparent);
    if (span === undefined) return { ...frame, origin, cost };
    if (batchId !== '') span.set({ 'event_pipeline.batch_id': batchId });
    return { ...frame, origin, cost, span, traceparent: span.traceparent };
  }

  /**
   * Waits, behind those who came before, until the budget covers the batch. Rejects on an abort, and
   * with OVERLOADED where the load does not allow to wait any longer.
   *
   * @param flow what the stream may hold of the budget
   */
  async admit(
    { count, cost }: IncomingBatch,
    flow: FlowBudget,
    signal: AbortSignal,
  ): Promise<Admission> {
    await flow.acquire(count, cost, signal);
    this.observer.received(count);
    return new Admission(flow, count, cost);
  }

  /**
   * Judges the batch, queues it, and answers once it is durable; then its admission is given back.
   *
   * @param onHandedOver called, with the events refused, when the whole batch is with the batchers:
   *   what is queued from then on does not overtake it. Not called for a batch that fails before.
   * @throws PipelineError BATCH_ID_REUSED, QUEUE_FULL, QUEUE_UNAVAILABLE
   */
  async queue(
    batch: IncomingBatch,
    admission: Admission,
    onHandedOver: (rejections: readonly Rejection[]) => void = () => undefined,
  ): Promise<PublishEventsResponse> {
    const { observer } = this;
    try {
      const response = await queueBatch(batch, admission, this.queueing, onHandedOver);
      observer.accepted(response.accepted);
      if (response.duplicate) observer.duplicate(response.accepted);
      batch.span?.set({
        'event_pipeline.accepted': response.accepted,
        'event_pipeline.rejected': response.rejections.length,
        'event_pipeline.duplicate': response.duplicate,
      });
      for (const rejection of response.rejections) observer.rejected(rejection);
      return response;
    } finally {
      admission.release();
    }
  }

  private admitNow({ count, cost }: IncomingBatch): Admission {
    this.observer.received(count);
    this.checkLoad();
    if (!this.flow.tryAcquire(count, cost)) {
      throw new PipelineError('OVERLOADED', 'too many events are in flight');
    }
    return new Admission(this.flow, count, cost);
  }
}
