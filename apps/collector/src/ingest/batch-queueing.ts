import type { PublishEventsResponse, Rejection } from '@event-pipeline/contracts';
import type { Admission } from './admission';
import { digestOf } from './batch-digest';
import type { BatchFrame } from './batch-frame';
import { judgeEvents, partsOf, type JudgedEvents } from './batch-parts';
import { allEnded, enqueuePart, type QueuedAnswer, type QueueingParts } from './enqueue-part';
import { queueNamedBatch } from './named-batch';
import { NO_DIGEST, OWN_ID_REMEMBERED_MS } from './shared-batch';

/**
 * Judges and queues the events of one request: with a batch id see {@link queueNamedBatch}, without
 * one they go to their partitions at once.
 *
 * @param admission grows with events whose stored text is longer than what came
 * @param onHandedOver called once, when all of it is with the batchers: what they are given from then
 *   on is queued behind it, unless the partitions change. Not called for a request that fails before.
 * @throws PipelineError BATCH_ID_REUSED, QUEUE_FULL, QUEUE_UNAVAILABLE; nothing of the request is held
 *   by then
 */
export async function queueBatch(
  frame: BatchFrame,
  admission: Admission,
  use: QueueingParts,
  onHandedOver: (rejections: readonly Rejection[]) => void,
): Promise<PublishEventsResponse> {
  const { batchId } = frame;
  const judged = judgeEvents(use.ingestor, frame, use.queue.partitioning().count > 1);
  admission.grow(judged.growth);
  let isHandedOver = false;
  const handedOver = () => {
    if (!isHandedOver) onHandedOver(judged.rejections);
    isHandedOver = true;
  };
  const { accepted, rejections, duplicate } =
    batchId === ''
      ? await queueUnnamed(judged, use, handedOver)
      : await queueNamedBatch(
          { id: idWithin(frame), digest: digestOf(frame), frame, judged },
          use,
          handedOver,
        );
  return { batchId, accepted, rejections: [...rejections], duplicate };
}

/**
 * A client cannot meet the batches of another one: an id is known together with who chose it. A name has
 * no colon, and the ids of the queue no underscore.
 */
function idWithin({ batchId, origin }: BatchFrame): string {
  const id = batchId.toLowerCase();
  return origin === undefined ? id : `${id}:${origin.principal.replaceAll('_', ':')}`;
}

/** Each part under an id of ours, which makes the batcher's retries safe and nothing else. */
async function queueUnnamed(
  { accepted, rejections }: JudgedEvents,
  { queue, batchers, random }: QueueingParts,
  onHandedOver: () => void,
): Promise<QueuedAnswer> {
  const id = random.uuid();
  const parts = partsOf(accepted, queue.partitioning().count);
  const queued = parts.map((part, at) => {
    const identity = { id: `${id}/${at}`, digest: NO_DIGEST, rememberMs: OWN_ID_REMEMBERED_MS };
    return enqueuePart(identity, part, batchers);
  });
  onHandedOver();
  await allEnded(queued);
  return { accepted: accepted.texts.length, rejections, duplicate: false };
}
