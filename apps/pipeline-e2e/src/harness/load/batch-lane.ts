import { status, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import type { PublishEventsResponse } from '@event-pipeline/contracts';
import { CALL_LIMIT_MS, unanswered, type Batch, type Lane } from './lane';
import { checkAnswer, requestOf } from './unary-lane';

/** Batches without an answer, at most. */
const WINDOW = 4;
/** After so many batches a stream is ended in order, and the next one begins. */
const STREAM_BATCHES = 200;

/**
 * Batches by PublishEventStream, several on their way at once. What a stream leaves without an
 * answer goes first in the next one, in order and under its ids.
 */
export async function sendBatches(lane: Lane): Promise<void> {
  const open: Batch[] = [];
  for (;;) {
    if (open.length === 0) {
      const batch = await lane.nextBatch();
      if (batch === undefined) return;
      open.push(batch);
    }
    const error = await stream(lane, open);
    if (error === undefined) continue;
    // The status speaks of the first batch without an answer; those behind it are sent again.
    const [first] = open;
    if (first === undefined) continue;
    if ((await lane.afterFailure(error, first.numbers)) === 'settled') open.shift();
    for (const { numbers } of open) {
      if (lane.givenUp.aborted) for (const n of numbers) lane.ledger.giveUp(n);
      else lane.ledger.resent += numbers.length;
    }
    if (lane.givenUp.aborted) return;
  }
}

/** One stream; takes the batches that were answered out of `open`. Resolves with how it failed. */
async function stream(lane: Lane, open: Batch[]): Promise<ServiceError | undefined> {
  let ended: StatusObject | undefined;
  let wake: () => void = () => undefined;
  const call = lane.client.publishEventStream();
  // The limit is on silence, not on the stream.
  let timer = setTimeout(() => call.cancel(), CALL_LIMIT_MS);
  call.on('data', (answer: PublishEventsResponse) => {
    clearTimeout(timer);
    timer = setTimeout(() => call.cancel(), CALL_LIMIT_MS);
    const batch = open.shift();
    if (batch === undefined) return lane.ledger.breach(`nobody asked for ${answer.batchId}`);
    checkAnswer(lane, batch, answer);
    lane.settle(batch.numbers, answer.rejections);
    wake();
  });
  // 'status' tells the same.
  call.on('error', () => undefined);
  const end = new Promise<void>((resolve) => {
    call.on('status', (status) => {
      ended = status;
      resolve();
      wake();
    });
  });
  const hasEnded = () => ended !== undefined;

  for (const batch of open) call.write(requestOf(lane, batch));
  for (let sent = open.length; sent < STREAM_BATCHES && !hasEnded(); sent++) {
    while (open.length >= WINDOW && !hasEnded()) {
      await new Promise<void>((resolve) => (wake = resolve));
    }
    if (hasEnded()) break;
    const batch = await lane.nextBatch();
    if (batch === undefined) break;
    open.push(batch);
    if (!hasEnded()) call.write(requestOf(lane, batch));
  }
  call.end();
  await end;
  clearTimeout(timer);
  if (ended !== undefined && ended.code !== status.OK) return ended as ServiceError;
  return open.length === 0 ? undefined : unanswered('the stream ended without every answer');
}
