import type { ServiceError } from '@grpc/grpc-js';
import { Metadata } from '@grpc/grpc-js';
import type { PublishEventsResponse } from '@event-pipeline/contracts';
import { systemClock } from '@event-pipeline/runtime';
import { CALL_LIMIT_MS, type Batch, type Lane } from './lane';
import { numberedEvent } from './numbered-event';

/** One PublishEvents after the other, each sent again under its batch id until it is answered. */
export async function sendUnary(lane: Lane): Promise<void> {
  for (let batch = await lane.nextBatch(); batch; batch = await lane.nextBatch()) {
    for (;;) {
      const answer = await publish(lane, batch);
      if (!('code' in answer)) {
        checkAnswer(lane, batch, answer);
        lane.settle(batch.numbers, answer.rejections);
        break;
      }
      if ((await lane.afterFailure(answer, batch.numbers)) === 'settled') break;
      lane.ledger.resent += batch.numbers.length;
    }
  }
}

function publish(lane: Lane, batch: Batch): Promise<PublishEventsResponse | ServiceError> {
  return new Promise((resolve) => {
    lane.client.publishEvents(
      requestOf(lane, batch),
      new Metadata(),
      { deadline: systemClock.now() + CALL_LIMIT_MS },
      (error, response) => resolve(error ?? response),
    );
  });
}

export function requestOf(lane: Lane, { id, numbers }: Batch) {
  return { batchId: id, events: numbers.map((n) => numberedEvent(n, lane.ledger.seed)) };
}

/** The answer is to this batch, and speaks of each of its events. */
export function checkAnswer(lane: Lane, batch: Batch, answer: PublishEventsResponse): void {
  const { batchId, accepted, rejections } = answer;
  if (batchId !== batch.id) lane.ledger.breach(`batch ${batch.id} was answered as ${batchId}`);
  if (accepted + rejections.length !== batch.numbers.length) {
    lane.ledger.breach(
      `of ${batch.numbers.length} events, ${accepted} + ${rejections.length} were answered`,
    );
  }
}
