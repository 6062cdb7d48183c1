import type { PublishEventsResponse, Rejection } from '@event-pipeline/contracts';
import { BATCH_ID_WINDOW_MS, type EnqueueBatch } from '@event-pipeline/queue';
import type { Random } from '@event-pipeline/runtime';
import type { Admission } from './admission';
import { decodeAnswer, encodeAnswer, type BatchAnswer } from './batch-answer';
import { digestOf } from './batch-digest';
import type { BatchFrame } from './batch-frame';
import { judgePart, partsOf, type JudgedPart } from './batch-parts';
import { NO_DIGEST, OWN_ID_REMEMBERED_MS, type Batcher } from './batcher';
import type { EventIngestor } from './event-ingestor';

/** How the queue recognises a request that comes again. */
type BatchIdentity = Pick<EnqueueBatch, 'id' | 'digest' | 'rememberMs'>;

/** The answer to one part, and whether the queue had it from before. */
type PartAnswer = BatchAnswer & { readonly duplicate: boolean };

export interface QueueingParts {
  readonly ingestor: EventIngestor;
  readonly batcher: Batcher;
  readonly random: Random;
}

/**
 * Judges and queues the events of one request in parts, one after the other, each under the batch id
 * and its number, and each with the digest of the whole request. So a request that comes again finds
 * every part it had queued and queues the rest, and the same id over other events is refused at the
 * first part, before anything is queued.
 *
 * @param admission grows with events whose stored text is longer than what came
 * @param onLastPart called when the last part is with the batcher: what is given to the batcher from
 *   then on is queued behind this request. Not called where a part before it failed.
 */
export async function queueBatch(
  { batchId, events }: BatchFrame,
  admission: Admission,
  { ingestor, batcher, random }: QueueingParts,
  onLastPart: (rejections: readonly Rejection[]) => void,
): Promise<PublishEventsResponse> {
  const identity = identityOf(batchId, events, random);
  const parts = partsOf(events);
  const rejected: Rejection[] = [];
  const answers: PartAnswer[] = [];
  for (const [number, range] of parts.entries()) {
    const part = judgePart(ingestor, events, range);
    admission.grow(part.growth);
    rejected.push(...part.rejections);
    const answer = enqueuePart({ ...identity, id: `${identity.id}/${number}` }, part, batcher);
    if (number === parts.length - 1) onLastPart(rejected);
    answers.push(await answer);
  }
  return {
    batchId,
    accepted: answers.reduce((sum, { accepted }) => sum + accepted, 0),
    rejections: answers.flatMap(({ rejections }) => rejections),
    duplicate: answers.every(({ duplicate }) => duplicate),
  };
}

/** A client's id makes sending again safe for it; an id of ours does so for the batcher's retries. */
function identityOf(batchId: string, events: readonly Uint8Array[], random: Random): BatchIdentity {
  return batchId === ''
    ? { id: random.uuid(), digest: NO_DIGEST, rememberMs: OWN_ID_REMEMBERED_MS }
    : { id: batchId.toLowerCase(), digest: digestOf(events), rememberMs: BATCH_ID_WINDOW_MS };
}

/** Hands the part to the batcher before it returns. */
async function enqueuePart(
  identity: BatchIdentity,
  { bodies, rejections, bytes }: JudgedPart,
  batcher: Batcher,
): Promise<PartAnswer> {
  const answer = { accepted: bodies.length, rejections };
  const result = await batcher.enqueue(
    { ...identity, answer: encodeAnswer(answer), bodies },
    bytes,
  );
  return result.outcome === 'duplicate'
    ? { ...decodeAnswer(result.answer, rejections), duplicate: true }
    : { ...answer, duplicate: false };
}
