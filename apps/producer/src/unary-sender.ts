import type { ServiceError } from '@grpc/grpc-js';
import { Metadata } from '@grpc/grpc-js';
import type { PublishEventsRequest, PublishEventsResponse } from '@event-pipeline/contracts';
import type { OutgoingEvent } from './event-source';
import { readFailure, retryDelayMs } from './retry-rules';
import type { Lane, SendMode } from './send-mode';

/** Most bytes in a request before its last event; the collector takes 4 MiB. */
const MAX_REQUEST_BYTES = 1_048_576;

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
      const events = feed.take(limits.batchSize, Math.min(MAX_REQUEST_BYTES, limits.windowBytes));
      if (events.length === 0) await feed.wait(Infinity);
      else await publish(events, lane);
    }
  },
};

async function publish(events: readonly OutgoingEvent[], lane: Lane): Promise<void> {
  const { tally, clock, random } = lane;
  const request = { batchId: random.uuid(), events: events.map(({ event }) => event) };
  const sentAt = clock.monotonic();
  tally.sent += events.length;
  let ambiguous = false;
  for (let failures = 1; ; failures += 1) {
    const { response, error } = await call(request, lane);
    if (response !== undefined) {
      tally.latency.record(clock.monotonic() - sentAt);
      return noteAnswer(response, events, lane);
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

function noteAnswer(
  { accepted, rejections }: PublishEventsResponse,
  events: readonly OutgoingEvent[],
  { tally }: Lane,
): void {
  const counted = Math.min(Math.max(0, accepted), events.length);
  const counts = { accepted: counted, rejected: events.length - counted };
  tally.answer(counts, rejections, (index) => events[index]?.position);
}
