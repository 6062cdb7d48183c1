import { Metadata, type ServiceError } from '@grpc/grpc-js';
import type { StreamSummary } from '@event-pipeline/contracts';
import { systemClock } from '@event-pipeline/runtime';
import { CALL_LIMIT_MS, type Lane } from './lane';
import { numberedEvent } from './numbered-event';
import { readFailedCall } from './resend-rules';

/**
 * Single events by StreamEvents, one short stream after the other. There is no batch id here: what
 * the answer does not cover is sent again and may then be in the queue twice.
 */
export async function sendStreams(lane: Lane): Promise<void> {
  for (let batch = await lane.nextBatch(); batch; batch = await lane.nextBatch()) {
    let { numbers } = batch;
    while (numbers.length > 0) {
      const answer = await stream(lane, numbers);
      if (!('code' in answer)) {
        if (answer.received !== numbers.length) {
          lane.ledger.breach(`of ${numbers.length} streamed events, ${answer.received} arrived`);
        }
        lane.settle(numbers, answer.rejections);
        break;
      }
      const covered = readFailedCall(answer).summary;
      if (covered !== undefined) {
        lane.settle(numbers.slice(0, covered.received), covered.rejections);
        numbers = numbers.slice(covered.received);
      }
      if ((await lane.afterFailure(answer, numbers)) === 'settled') break;
      lane.ledger.resentWithoutId += numbers.length;
    }
  }
}

function stream(lane: Lane, numbers: readonly number[]): Promise<StreamSummary | ServiceError> {
  return new Promise((resolve) => {
    const call = lane.client.streamEvents(
      new Metadata(),
      { deadline: systemClock.now() + CALL_LIMIT_MS },
      (error, summary) => resolve(error ?? summary),
    );
    call.on('error', () => undefined);
    for (const n of numbers) call.write(numberedEvent(n, lane.ledger.seed));
    call.end();
  });
}
