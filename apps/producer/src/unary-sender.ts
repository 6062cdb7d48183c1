import type { ServiceError } from '@grpc/grpc-js';
import { Metadata } from '@grpc/grpc-js';
import type { PublishEventsRequest, PublishEventsResponse } from '@event-pipeline/contracts';
import { settleBatch, takeBatch, type OutgoingBatch } from './outgoing-batch';
import { readFailure, retryDelayMs } from './retry-rules';
import type { Lane, SendMode } from './send-mode';

type Answer =
  | { readonly response: PublishEventsResponse; readonly error?: undefined }
  | { readonly response?: undefined; readonly error: ServiceError };

/**
 * Batches by PublishEvents, one after the other on each connection. A batch without an answer is
 * sent again under its batch id, which the collector queues once.
 */
export const unaryMode: SendMode = {
  unit: 'request',
  latency: 'from a request first sent to its answer',
  send: async (lane) => {
    const { feed, limits } = lane;
    while (!feed.ended) {
      const batch = takeBatch(lane, limits.windowBytes);
      if (batch === undefined) await feed.wait(Infinity);
      else await publish(batch, lane);
    }
  },
};

async function publish(batch: OutgoingBatch, lane: Lane): Promise<void> {
  const { tally, clock, random } = lane;
  const { request, events } = batch;
  const sentAt = clock.monotonic();
  tally.sent += events.length;
  let ambiguous = false;
  for (let failures = 1; ; failures += 1) {
    const { response, error } = await call(request, lane);
    if (response !== undefined) {
      tally.latency.record(clock.monotonic() - sentAt);
      return settleBatch(batch, response, tally);
    }
    const failure = readFailure(error, 'unary');
    ambiguous ||= failure.ambiguous;
    if (failure.action === 'again' && !lane.stop.aborted) {
      const delay = retryDelayMs(failures, failure.retryDelayMs, random);
      lane.notice(`${failure.text}; ${events.length} events will be sent again`);
      await lane.beforeRetry(delay);
    }
    if (failure.action !== 'again' || lane.stop.aborted) {
      if (ambiguous) tally.unknown += events.length;
      else tally.failed += events.length;
      if (failure.action === 'stop') lane.stopRun(failure.text);
      if (failure.action === 'next')
        lane.notice(`${failure.text}; ${events.length} events given up`);
      return;
    }
    tally.resent += events.length;
  }
}

function call(request: PublishEventsRequest, lane: Lane): Promise<Answer> {
  const { client, clock, giveUp, limits } = lane;
  return new Promise((resolve) => {
    const cancel = () => call.cancel();
    const call = client.publishEvents(
      request,
      new Metadata(),
      { deadline: clock.now() + limits.requestMs },
      (error, response) => {
        giveUp.removeEventListener('abort', cancel);
        resolve(error ? { error } : { response });
      },
    );
    giveUp.addEventListener('abort', cancel, { once: true });
    if (giveUp.aborted) cancel();
  });
}
