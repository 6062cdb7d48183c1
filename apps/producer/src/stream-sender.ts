import { status, type ServiceError } from '@grpc/grpc-js';
import type { StreamSummary } from '@event-pipeline/contracts';
import { readFailure, retryDelayMs, type CallFailure } from '@event-pipeline/publisher/calls';
import type { StreamLane } from './stream-mode';
import { StreamWindow } from './stream-window';

/** Most events in one stream: they are kept until it is answered, so this bounds memory. */
const MAX_STREAM_EVENTS = 10_000;
/** A stream this old is ended, so that events sent slowly are acknowledged in time, too. */
const MAX_STREAM_MS = 1_000;
/** Events taken at once: between two of these the feed, the clock and the signals are looked at. */
const CHUNK_EVENTS = 256;

type Answer = { readonly answeredAt: number } & (
  | { readonly summary: StreamSummary; readonly error?: undefined }
  | { readonly summary?: undefined; readonly error: ServiceError }
);

/**
 * Single events by StreamEvents, in consecutive streams of limited size: the next one begins when
 * the last one has been answered, which keeps the order and bounds what has to be kept. Of a stream
 * that ends early, what its summary does not cover is sent again first.
 */
export async function sendByStreams(lane: StreamLane): Promise<void> {
  const window = new StreamWindow(lane.tally);
  let failures = 0;
  while (await hasEvents(window, lane)) {
    const { summary, error } = await stream(window, lane);
    const settledBefore = lane.tally.settled;
    if (summary !== undefined) {
      window.settleAll(summary);
      failures = 0;
      continue;
    }
    const failure = failureOf(error, lane);
    window.settlePrefix(failure);
    failures = lane.tally.settled > settledBefore ? 1 : failures + 1;
    await recover(window, failure, failures, lane);
  }
  window.giveUp();
}

/** Waits until there is something to send; false when there is nothing more. */
async function hasEvents(
  window: StreamWindow,
  { feed, windowBytes, stop }: StreamLane,
): Promise<boolean> {
  while (!stop.aborted) {
    if (window.size > 0) return true;
    window.add(feed.take(CHUNK_EVENTS, windowBytes));
    if (window.size > 0) return true;
    if (feed.ended) return false;
    await feed.wait(Infinity);
  }
  return false;
}

function failureOf(error: ServiceError, { token }: StreamLane): CallFailure {
  const failure = readFailure(error, 'stream');
  const isRenewed = error.code === status.UNAUTHENTICATED && token.isRenewed;
  return isRenewed ? { ...failure, action: 'again' } : failure;
}

/** Decides about what a failed stream left in the window: kept to be sent again, or given up. */
async function recover(
  window: StreamWindow,
  failure: CallFailure,
  failures: number,
  lane: StreamLane,
): Promise<void> {
  if (failure.action === 'stop') return lane.stopRun(failure.text);
  if (failure.action === 'next') {
    lane.notice(`${failure.text}; ${window.sent} events given up`);
    return window.giveUp();
  }
  if (lane.stop.aborted) return;
  const again = window.sent > 0 ? `; ${window.sent} events will be sent again` : '';
  lane.notice(`${failure.text}${again}`);
  const delay = retryDelayMs(failures, failure.retryDelayMs, lane.random);
  await lane.beforeRetry(delay);
}

/** Sends the window, and what fits behind it, in one stream; resolves with its answer. */
async function stream(window: StreamWindow, lane: StreamLane): Promise<Answer> {
  const { client, token, feed, tally, clock, giveUp, windowBytes } = lane;
  let answered = false;
  let wake: (() => void) | undefined;

  let resolveAnswer: (answer: Answer) => void = () => undefined;
  const answer = new Promise<Answer>((resolve) => (resolveAnswer = resolve));
  const call = client.streamEvents(token.metadata(), (error, summary) => {
    const answeredAt = clock.monotonic();
    answered = true;
    giveUp.removeEventListener('abort', cancel);
    resolveAnswer(error ? { error, answeredAt } : { summary, answeredAt });
    wake?.();
  });
  const cancel = () => call.cancel();
  giveUp.addEventListener('abort', cancel, { once: true });
  if (giveUp.aborted) cancel();
  call.on('drain', () => wake?.());
  const drainedOrAnswered = () => new Promise<void>((resolve) => (wake = resolve));

  const openedAt = clock.monotonic();
  window.rewind();
  while (!answered) {
    for (let event = window.next(); event !== undefined; event = window.next()) {
      if (call.write(event)) continue;
      await drainedOrAnswered();
      if (answered) break;
    }
    if (answered) break;
    const age = clock.monotonic() - openedAt;
    const room = MAX_STREAM_EVENTS - window.size;
    if (room <= 0 || window.bytes >= windowBytes || age >= MAX_STREAM_MS) break;
    window.add(feed.take(Math.min(CHUNK_EVENTS, room), windowBytes - window.bytes));
    if (!window.exhausted) continue;
    if (feed.ended) break;
    await feed.wait(MAX_STREAM_MS - age);
  }
  const endedAt = clock.monotonic();
  call.end();
  const outcome = await answer;
  if (outcome.summary !== undefined) tally.latency.record(outcome.answeredAt - endedAt);
  return outcome;
}
