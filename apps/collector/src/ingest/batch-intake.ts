import type { PublishEventsResponse, Rejection } from '@event-pipeline/contracts';
import {
  BATCH_ID_WINDOW_MS,
  MAX_BATCH_BYTES,
  MAX_BATCH_EVENTS,
  type EnqueueBatch,
} from '@event-pipeline/queue';
import { PipelineError, type FlowController, type Random } from '@event-pipeline/runtime';
import { decodeAnswer, encodeAnswer } from './batch-answer';
import type { IntakeObserver } from '../intake-observer';
import { digestOf } from './batch-digest';
import { readBatchFrame } from './batch-frame';
import { NO_DIGEST, OWN_ID_REMEMBERED_MS, type Batcher } from './batcher';
import type { EventIngestor } from './event-ingestor';
import { isUuid } from './event-validator';

/**
 * What an event weighs beyond its bytes on the wire, as long as its stored text is not known: the
 * member names of the text, and the bookkeeping for it in memory.
 */
export const EVENT_OVERHEAD_BYTES = 200;

/**
 * Queues the batch of one PublishEventsRequest and answers once it is durable.
 *
 * A request that is larger than the queue's batches is queued in parts, one after the other, each
 * under the batch id and its number, and each with the digest of the whole request. So a request
 * that comes again finds every part it had queued and queues the rest, and the same id over other
 * events is refused at the first part, before anything is queued.
 */
export class BatchIntake {
  constructor(
    private readonly ingestor: EventIngestor,
    private readonly batcher: Batcher,
    private readonly flow: FlowController,
    private readonly random: Random,
    private readonly observer: IntakeObserver,
    /** Most events of one request. */
    private readonly maxEvents: number,
  ) {}

  /**
   * @param request the request as it came
   * @throws PipelineError INVALID_ARGUMENT, BATCH_ID_REUSED, TOO_LARGE, OVERLOADED, QUEUE_FULL,
   *   QUEUE_UNAVAILABLE
   */
  async publish(request: Uint8Array): Promise<PublishEventsResponse> {
    const { batchId, events } = readBatchFrame(request, this.maxEvents);
    if (batchId !== '' && !isUuid(batchId)) {
      throw new PipelineError('INVALID_ARGUMENT', 'batch_id is not a UUID');
    }
    this.observer.received(events.length);
    const cost = request.length + events.length * EVENT_OVERHEAD_BYTES;
    if (!this.flow.tryAcquire(events.length, cost)) {
      throw new PipelineError('OVERLOADED', 'too many events are in flight');
    }
    const held = { bytes: cost };
    try {
      const response = await this.enqueueParts(batchId, events, held);
      this.observer.accepted(response.accepted);
      if (response.duplicate) this.observer.duplicate(response.accepted);
      for (const rejection of response.rejections) this.observer.rejected(rejection);
      return response;
    } finally {
      this.flow.release(events.length, held.bytes);
    }
  }

  private async enqueueParts(
    batchId: string,
    events: readonly Uint8Array[],
    held: { bytes: number },
  ): Promise<PublishEventsResponse> {
    const identity =
      batchId === ''
        ? { id: this.random.uuid(), digest: NO_DIGEST, rememberMs: OWN_ID_REMEMBERED_MS }
        : {
            id: batchId.toLowerCase(),
            digest: digestOf(events),
            rememberMs: BATCH_ID_WINDOW_MS,
          };
    const rejections: Rejection[] = [];
    let accepted = 0;
    let parts = 0;
    let duplicates = 0;
    for (const { from, to } of partsOf(events)) {
      const part = await this.enqueuePart(identity, parts, events, from, to, held);
      parts += 1;
      accepted += part.accepted;
      rejections.push(...part.rejections);
      if (part.duplicate) duplicates += 1;
    }
    return { batchId, accepted, rejections, duplicate: parts > 0 && duplicates === parts };
  }

  private async enqueuePart(
    { id, digest, rememberMs }: Pick<EnqueueBatch, 'id' | 'digest' | 'rememberMs'>,
    part: number,
    events: readonly Uint8Array[],
    from: number,
    to: number,
    held: { bytes: number },
  ) {
    const bodies: string[] = [];
    const rejections: Rejection[] = [];
    let bytes = 0;
    for (let index = from; index < to; index++) {
      const event = events[index] ?? NOTHING;
      const { body, rejection } = this.ingestor.judge(event, index);
      if (rejection) {
        rejections.push(rejection);
      } else {
        bodies.push(body);
        const cost = event.length + EVENT_OVERHEAD_BYTES;
        const weight = Math.max(cost, Buffer.byteLength(body));
        this.flow.grow(weight - cost);
        held.bytes += weight - cost;
        bytes += weight;
      }
    }
    const answer = { accepted: bodies.length, rejections };
    const result = await this.batcher.enqueue(
      { id: `${id}/${part}`, digest, rememberMs, answer: encodeAnswer(answer), bodies },
      bytes,
    );
    return result.outcome === 'duplicate'
      ? { ...decodeAnswer(result.answer, rejections), duplicate: true }
      : { ...answer, duplicate: false };
  }
}

const NOTHING = new Uint8Array(0);

/**
 * Cuts a request into batches that the queue takes. By the bytes as they came, whatever their
 * verdict, so that the same request is always cut alike.
 */
function* partsOf(events: readonly Uint8Array[]): Generator<{ from: number; to: number }> {
  let from = 0;
  let bytes = 0;
  for (const [at, event] of events.entries()) {
    const full = at - from === MAX_BATCH_EVENTS || bytes + event.length > MAX_BATCH_BYTES;
    if (full && at > from) {
      yield { from, to: at };
      from = at;
      bytes = 0;
    }
    bytes += event.length;
  }
  yield { from, to: events.length };
}
