import type { PublishEventsResponse, Rejection } from '@event-pipeline/contracts';
import {
  BATCH_ID_WINDOW_MS,
  PERMANENT_PARTITION,
  routeBatch,
  type BatchRouting,
  type EnqueueBatch,
  type EnqueueResult,
  type Queue,
} from '@event-pipeline/queue';
import { PipelineError, type Clock, type Random } from '@event-pipeline/runtime';
import type { Admission } from './admission';
import { decodeAnswer, encodeAnswer, type BatchAnswer } from './batch-answer';
import { digestOf } from './batch-digest';
import type { BatchFrame } from './batch-frame';
import { judgeEvents, partsOf, type BatchPart, type JudgedEvents } from './batch-parts';
import type { EventIngestor } from './event-ingestor';
import type { PartitionBatchers } from './partition-batchers';
import { NO_DIGEST, OWN_ID_REMEMBERED_MS } from './shared-batch';

export interface QueueingParts {
  readonly ingestor: EventIngestor;
  readonly queue: Pick<Queue, 'partitioning' | 'remembers'>;
  readonly batchers: PartitionBatchers;
  readonly random: Random;
  readonly clock: Clock;
}

/**
 * How often a batch is routed anew while the partitions change, and the pause between: longer than
 * a change takes that its process left unfinished.
 */
const MAX_ROUTINGS = 100;
const ROUTING_PAUSE_MS = 100;

/**
 * Judges and queues the events of one request.
 *
 * Without a batch id its events go to their partitions at once. With one, the id is written down
 * first in the partition that is its home, with the digest of the whole request and the answer: so
 * the same id over other events is refused before anything is queued, and a request that comes again
 * gets its first answer. Where all events fit one batch in that very partition, both are one step,
 * which is always so with one partition and at most a thousand events. Otherwise the parts follow,
 * each under the batch id and its number: a request that comes again finds every part that it had
 * queued and queues the rest. When the partitions change between, it is spread as it was the first
 * time; a part that its partition did not take before the change goes to the permanent one, and is
 * looked for there.
 *
 * @param admission grows with events whose stored text is longer than what came
 * @param onHandedOver called when all of it is with the batchers: what they are given from then on is
 *   queued behind it. Not called for a request that fails before.
 * @throws PipelineError BATCH_ID_REUSED, QUEUE_FULL, QUEUE_UNAVAILABLE
 */
export async function queueBatch(
  { batchId, events }: BatchFrame,
  admission: Admission,
  use: QueueingParts,
  onHandedOver: (rejections: readonly Rejection[]) => void,
): Promise<PublishEventsResponse> {
  const judged = judgeEvents(use.ingestor, events);
  admission.grow(judged.growth);
  const handedOver = () => onHandedOver(judged.rejections);
  const { rejections, ...answer } =
    batchId === ''
      ? await queueUnnamed(judged, use, handedOver)
      : await queueNamed(batchId.toLowerCase(), digestOf(events), judged, use, handedOver);
  return { batchId, ...answer, rejections: [...rejections] };
}

type Answer = BatchAnswer & { readonly duplicate: boolean };
type Identity = Pick<EnqueueBatch, 'id' | 'digest' | 'rememberMs' | 'generation'>;

/** Each part under an id of ours, which makes the batcher's retries safe and nothing else. */
async function queueUnnamed(
  { accepted, rejections }: JudgedEvents,
  { queue, batchers, random }: QueueingParts,
  onHandedOver: () => void,
): Promise<Answer> {
  const id = random.uuid();
  const parts = partsOf(accepted, queue.partitioning().count);
  const queued = parts.map((part, at) => {
    const identity = { id: `${id}/${at}`, digest: NO_DIGEST, rememberMs: OWN_ID_REMEMBERED_MS };
    return enqueuePart(identity, part, batchers);
  });
  onHandedOver();
  await Promise.all(queued);
  return { accepted: accepted.length, rejections, duplicate: false };
}

async function queueNamed(
  id: string,
  digest: string,
  judged: JudgedEvents,
  use: QueueingParts,
  onHandedOver: () => void,
): Promise<Answer> {
  const named = { digest, rememberMs: BATCH_ID_WINDOW_MS };
  for (let tries = 0; tries < MAX_ROUTINGS; tries++) {
    if (tries > 0) await use.clock.sleep(ROUTING_PAUSE_MS);
    const routing = await routeBatch(use.queue, id);
    const { home, recordId, generation } = routing;
    const parts = partsOf(judged.accepted, routing.count);
    const [first] = parts;
    const isOneStep = first === undefined || (parts.length === 1 && first.partition === home);
    const head = isOneStep && first ? first : { partition: home, bodies: [], bytes: 0 };
    const record = { ...named, id: recordId, generation };
    const result = enqueuePart(record, head, use.batchers, judged);
    if (isOneStep) onHandedOver();
    const answer = answerOf(await result, judged);
    if (answer === undefined) continue;
    if (isOneStep) return answer;
    return queueParts(named, judged, answer, routing, use, onHandedOver);
  }
  throw stillChanging();
}

/** Of a request whose id has been written down: everything but what the first answer refused. */
async function queueParts(
  named: Omit<Identity, 'id'>,
  judged: JudgedEvents,
  first: Answer,
  routing: BatchRouting,
  use: QueueingParts,
  onHandedOver: () => void,
): Promise<Answer> {
  const refused = new Set(first.rejections.map(({ index }) => index));
  const accepted = judged.accepted.filter(({ index }) => !refused.has(index));
  const queue = routing.isPresent ? queuePresentPart : queueEarlierPart;
  const queued = partsOf(accepted, routing.count).map((part, at) =>
    queue({ ...named, id: `${routing.recordId}/${at}` }, part, routing, use),
  );
  onHandedOver();
  const results = await Promise.all(queued);
  const areDuplicates = results.every(({ outcome }) => outcome === 'duplicate');
  return { ...first, duplicate: first.duplicate && areDuplicates };
}

/** In its partition, unless that refuses it for good since the partitions have changed. */
async function queuePresentPart(
  identity: Identity,
  part: BatchPart,
  { generation }: BatchRouting,
  { queue, batchers, clock }: QueueingParts,
): Promise<EnqueueResult> {
  for (let tries = 0; tries < MAX_ROUTINGS; tries++) {
    const result = await enqueuePart({ ...identity, generation }, part, batchers);
    if (result.outcome !== 'refused') return result;
    if (queue.partitioning().generation !== generation) {
      return enqueuePart(identity, { ...part, partition: PERMANENT_PARTITION }, batchers);
    }
    // A change is under way and may yet be given up: the partition would then take the part.
    await clock.sleep(ROUTING_PAUSE_MS);
  }
  throw stillChanging();
}

/** By now the partition takes no part any more that it does not have. */
async function queueEarlierPart(
  identity: Identity,
  part: BatchPart,
  _: BatchRouting,
  { queue, batchers }: QueueingParts,
): Promise<EnqueueResult> {
  const [isKnown] = await queue.remembers(part.partition, [identity.id]);
  if (isKnown === true) return { outcome: 'duplicate', answer: '' };
  return enqueuePart(identity, { ...part, partition: PERMANENT_PARTITION }, batchers);
}

/** Hands the part to its batcher before it returns. Only one with a generation may be refused. */
function enqueuePart(
  identity: Identity,
  { partition, bodies, bytes }: BatchPart,
  batchers: PartitionBatchers,
  { accepted, rejections }: Pick<JudgedEvents, 'accepted' | 'rejections'> = NOTHING,
): Promise<EnqueueResult> {
  const answer = encodeAnswer({ accepted: accepted.length, rejections });
  return batchers.enqueue(partition, { ...identity, answer, bodies }, bytes);
}

const NOTHING = { accepted: [], rejections: [] };

/** Undefined where the partitions have changed. */
function answerOf(
  result: EnqueueResult,
  { accepted, rejections }: JudgedEvents,
): Answer | undefined {
  switch (result.outcome) {
    case 'queued':
      return { accepted: accepted.length, rejections, duplicate: false };
    case 'duplicate':
      return { ...decodeAnswer(result.answer, rejections), duplicate: true };
    case 'refused':
      return undefined;
  }
}

function stillChanging(): PipelineError {
  return new PipelineError('QUEUE_UNAVAILABLE', 'the number of partitions is being changed');
}
