import {
  BATCH_ID_WINDOW_MS,
  PackedEvents,
  PERMANENT_PARTITION,
  routeBatch,
  type BatchRouting,
  type EnqueueResult,
} from '@event-pipeline/queue';
import { PipelineError } from '@event-pipeline/runtime';
import { decodeAnswer, encodeAnswer, type RecordedAnswer } from './batch-answer';
import type { BatchFrame } from './batch-frame';
import {
  partsOf,
  restateEvents,
  type AcceptedEvents,
  type BatchPart,
  type JudgedEvents,
} from './batch-parts';
import {
  allEnded,
  enqueuePart,
  type PartIdentity,
  type QueuedAnswer,
  type QueueingParts,
} from './enqueue-part';

/** A batch with an id that its client chose. */
export interface NamedBatch {
  readonly id: string;
  /** Of the whole request. */
  readonly digest: string;
  /** The request as it came. */
  readonly frame: BatchFrame;
  readonly judged: JudgedEvents;
}

/** Between two questions while the queue is out of reach or its partitions change. */
const PAUSE_MS = 100;
const NO_EVENTS = PackedEvents.of([]);

/**
 * Queues a batch so that it can be sent again: it is then answered as the first time, and what had
 * been queued is not queued again.
 *
 * Its id is written down first, in the partition that is its home, with the digest of the request and
 * the answer. So the same id over other events is refused before anything is queued. Where all events
 * fit one batch in that very partition, both are one step: always so with one partition and at most a
 * thousand events. Otherwise the parts follow, each under the record's id and its number.
 *
 * When the partitions change in between, the batch is spread as it was the first time. A part that its
 * partition did not take before the change goes to the permanent one, and is looked for there.
 *
 * The verdicts of the first time stand: those that depend on the clock or on limits may be others now,
 * and would cut the batch into other parts.
 *
 * @throws PipelineError BATCH_ID_REUSED, QUEUE_FULL, QUEUE_UNAVAILABLE
 */
export async function queueNamedBatch(
  batch: NamedBatch,
  use: QueueingParts,
  onHandedOver: () => void,
): Promise<QueuedAnswer> {
  const { judged } = batch;
  const patience = new Patience(use);
  const identity = { digest: batch.digest, rememberMs: BATCH_ID_WINDOW_MS };
  for (;;) {
    const routing = await patience.ask(() => routeBatch(use.queue, batch.id));
    const { home, recordId, generation, count } = routing;
    const parts = partsOf(judged.accepted, count);
    const [only] = parts;
    const isWhole = only === undefined || (parts.length === 1 && only.partition === home);
    const head = isWhole && only ? only : { partition: home, bodies: NO_EVENTS, bytes: 0 };
    const answer = {
      isWhole,
      accepted: judged.accepted.texts.length,
      rejections: judged.rejections,
    };
    const record = { ...identity, id: recordId, generation };
    const enqueued = enqueuePart(record, head, use.batchers, encodeAnswer(answer));
    if (isWhole) onHandedOver();
    const result = await enqueued;
    if (result.outcome === 'refused') {
      await patience.pause();
      continue;
    }
    const duplicate = result.outcome === 'duplicate';
    const first = duplicate ? decodeAnswer(result.answer, judged.rejections) : answer;
    if (first.isWhole) return { ...first, duplicate };
    const missing = duplicate ? partsOf(acceptedAtFirst(batch, first, use), count) : parts;
    const queued = missing.map((part, at) => {
      const named = { ...identity, id: `${recordId}/${at}` };
      return queuePart(named, part, routing, use, patience);
    });
    onHandedOver();
    const results = await allEnded(queued);
    return { ...first, duplicate: duplicate && results.every(isDuplicate) };
  }
}

const isDuplicate = ({ outcome }: EnqueueResult) => outcome === 'duplicate';

/** Exactly the events that were not refused the first time. */
function acceptedAtFirst(
  { frame }: NamedBatch,
  { rejections }: RecordedAnswer,
  { ingestor }: QueueingParts,
): AcceptedEvents {
  return restateEvents(ingestor, frame, new Set(rejections.map(({ index }) => index)));
}

async function queuePart(
  identity: PartIdentity,
  part: BatchPart,
  { isPresent, generation }: BatchRouting,
  { queue, batchers }: QueueingParts,
  patience: Patience,
): Promise<EnqueueResult> {
  const otherwise = { ...part, partition: PERMANENT_PARTITION };
  if (!isPresent) {
    // By now its partition takes no part any more that it does not have.
    const [isKnown] = await patience.ask(() => queue.remembers(part.partition, [identity.id]));
    if (isKnown === true) return { outcome: 'duplicate', answer: '' };
    return enqueuePart(identity, otherwise, batchers);
  }
  for (;;) {
    const result = await enqueuePart({ ...identity, generation }, part, batchers);
    if (result.outcome !== 'refused') return result;
    if (queue.partitioning().generation !== generation) {
      return enqueuePart(identity, otherwise, batchers);
    }
    // A change is under way and may yet be given up: its partition would then take the part.
    await patience.pause();
  }
}

/** What is left of the time that a batch may wait for the queue. */
class Patience {
  private readonly end: number;

  constructor(private readonly use: Pick<QueueingParts, 'clock' | 'patienceMs'>) {
    this.end = use.clock.monotonic() + use.patienceMs;
  }

  /** Asks again while the queue gives no answer. */
  async ask<T>(question: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await question();
      } catch (error) {
        const known = PipelineError.from(error);
        if (known.code !== 'QUEUE_UNAVAILABLE' || this.isOver) throw known;
      }
      await this.use.clock.sleep(PAUSE_MS);
    }
  }

  /** While the partitions change. */
  async pause(): Promise<void> {
    if (this.isOver) {
      throw new PipelineError('QUEUE_UNAVAILABLE', 'the number of partitions is being changed');
    }
    await this.use.clock.sleep(PAUSE_MS);
  }

  private get isOver(): boolean {
    return this.use.clock.monotonic() >= this.end;
  }
}
