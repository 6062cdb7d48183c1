import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import type { PublishEventsResponse } from '@event-pipeline/contracts';
import { BatchWindow } from './batch-window';
import { takeBatch } from './outgoing-batch';
import { readFailure, retryDelayMs, type CallFailure } from './retry-rules';
import type { Lane, SendMode } from './send-mode';

/** How often the stream is looked at while the feed has nothing to send. */
const IDLE_LOOK_MS = 250;
/** Longest time between two looks whether a batch waits too long for its answer. */
const MAX_LOOK_MS = 1_000;
/** How long the collector may take to end a stream whose last batch it has answered. */
const CLOSING_MS = 2_000;
const ANSWERED: StatusObject = { code: status.OK, details: '', metadata: new Metadata() };

/**
 * Batches by PublishEventStream, several of them on their way at once: the collector answers each
 * one in order while the stream goes on. Of a stream that ends early, every batch without an answer
 * is sent again in order, under its batch id, which the collector queues once. So is what waits longer
 * for its answer than a request may take: the way to the collector may be dead without saying so.
 */
export const batchMode: SendMode = {
  unit: 'batch',
  latency: 'from a batch first sent to its answer',
  send: async (lane) => {
    const { tally, clock, limits } = lane;
    const window = new BatchWindow(tally, clock, limits.windowBytes);
    let failures = 0;
    while (await hasBatches(window, lane)) {
      const settledBefore = tally.settled;
      const end = await stream(window, lane);
      failures = tally.settled > settledBefore ? 1 : failures + 1;
      if (!window.isEmpty) await recover(window, end, failures, lane);
    }
    window.giveUp();
  },
};

/** Waits until there is something to send; false when there is nothing more. */
async function hasBatches(window: BatchWindow, lane: Lane): Promise<boolean> {
  const { feed, stop } = lane;
  while (!stop.aborted) {
    if (!window.isEmpty) return true;
    const batch = takeBatch(lane, window.room);
    if (batch !== undefined) window.add(batch);
    else if (feed.ended) return false;
    else await feed.wait(Infinity);
  }
  return false;
}

/** Writes the window, and what comes behind it, to one stream; resolves with how that ended. */
async function stream(window: BatchWindow, lane: Lane): Promise<StatusObject> {
  const { client, feed, clock, giveUp, stop, stopRun, limits } = lane;
  let end: StatusObject | undefined;
  let movedAt = clock.monotonic();
  let outOfTime = false;
  let wake: () => void = () => undefined;
  const somethingHappens = () => new Promise<void>((resolve) => (wake = resolve));

  const call = client.publishEventStream();
  const cancel = () => call.cancel();
  call.on('data', (response: PublishEventsResponse) => {
    movedAt = clock.monotonic();
    if (!window.answer(response)) {
      stopRun('the collector answered a batch that was not the next one');
      cancel();
    }
    wake();
  });
  // 'status' tells the same.
  call.on('error', () => undefined);
  call.on('status', (status) => {
    end = status;
    wake();
  });
  call.on('drain', () => wake());
  giveUp.addEventListener('abort', cancel, { once: true });
  if (giveUp.aborted) cancel();

  const over = new AbortController();
  const watched = watchForSilence(lane, over.signal, () => {
    if (window.written === 0 || clock.monotonic() - movedAt < limits.answerMs) return;
    outOfTime = true;
    cancel();
  });

  window.rewind();
  while (end === undefined && !stop.aborted) {
    const request = call.writableNeedDrain ? undefined : window.next();
    if (request !== undefined) {
      if (window.written === 1) movedAt = clock.monotonic();
      call.write(request);
    } else if (window.unwritten > 0 || window.room === 0) {
      await somethingHappens();
    } else if (feed.ended) {
      break;
    } else {
      const batch = takeBatch(lane, window.room);
      if (batch === undefined) await feed.wait(IDLE_LOOK_MS);
      else window.add(batch);
    }
  }
  call.end();
  while (end === undefined && window.written > 0) await somethingHappens();
  if (end === undefined) {
    const ended = new AbortController();
    await Promise.race([somethingHappens(), clock.sleep(CLOSING_MS, ended.signal)]);
    ended.abort();
  }
  giveUp.removeEventListener('abort', cancel);
  over.abort();
  await watched;
  if (end === undefined) cancel();
  if (outOfTime && !giveUp.aborted) return unanswered(limits.answerMs);
  return end ?? ANSWERED;
}

/** Looks at the stream from time to time, until the signal aborts. */
async function watchForSilence(
  { clock, limits }: Lane,
  signal: AbortSignal,
  look: () => void,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(Math.min(MAX_LOOK_MS, limits.answerMs / 4), signal);
    if (!signal.aborted) look();
  }
}

/** As a deadline of the call would say it; a stream has none, since it may go on for ever. */
function unanswered(limitMs: number): StatusObject {
  const details = `no answer to a batch within ${limitMs / 1_000} s`;
  return { code: status.DEADLINE_EXCEEDED, details, metadata: new Metadata() };
}

/** Decides about the batches that a stream left without an answer. */
async function recover(
  window: BatchWindow,
  end: StatusObject,
  failures: number,
  lane: Lane,
): Promise<void> {
  const failure = failureOf(end);
  if (failure.action === 'next' && window.written > 0) {
    const events = window.sentEvents;
    if (end.code === status.RESOURCE_EXHAUSTED && window.written > 1) {
      // grpc-js ends the stream at a message that is too large, and leaves out answers of those before.
      window.markAmbiguous();
      window.separate();
      return lane.notice(`${failure.text}; ${events} events will be sent again, batch by batch`);
    }
    const givenUp = window.giveUpFirst();
    window.markAmbiguous();
    const again = events > givenUp ? `, ${events - givenUp} will be sent again` : '';
    return lane.notice(`${failure.text}; ${givenUp} events given up${again}`);
  }
  if (failure.ambiguous) window.markAmbiguous();
  if (failure.action === 'stop') return lane.stopRun(explained(failure, end));
  if (lane.stop.aborted) return;
  const again = window.sentEvents > 0 ? `; ${window.sentEvents} events will be sent again` : '';
  lane.notice(`${failure.text}${again}`);
  await lane.beforeRetry(retryDelayMs(failures, failure.retryDelayMs, lane.random));
}

function failureOf(end: StatusObject): CallFailure {
  if (end.code !== status.OK) return readFailure(end, 'stream');
  const text = 'the collector ended a stream without answering every batch';
  return { action: 'again', ambiguous: true, text };
}

function explained({ text }: CallFailure, { code }: StatusObject): string {
  if (code !== status.UNIMPLEMENTED) return text;
  return `${text}; this collector takes no streams of batches: use --mode stream or --mode unary`;
}
