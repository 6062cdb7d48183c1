import {
  Publisher,
  type PublishMethod,
  type PublishError,
  type PublisherTrouble,
} from '@event-pipeline/publisher';
import type { OutgoingEvent } from './event-source';
import type { SendMode, Sender, SenderDeps } from './send-mode';

/** Batches by PublishEventStream, several of them on their way at once. */
export const batchMode: SendMode = {
  unit: 'batch',
  latency: 'from a batch first sent to its answer',
  open: (deps) => new PublisherSender('stream', deps),
};

/** Batches by PublishEvents, one after the other on each connection. */
export const unaryMode: SendMode = {
  unit: 'request',
  latency: 'from a request first sent to its answer',
  open: (deps) => new PublisherSender('unary', deps),
};

/** Most bytes in a batch before its last event; the collector takes 4 MiB. */
const MAX_BATCH_BYTES = 1_048_576;
/** What the publisher may keep without an answer: for each connection, and at most, bytes. */
const CONNECTION_BYTES = 8 * 1_048_576;
const MAX_WINDOW_BYTES = 64 * 1_048_576;
/** Batches kept for each connection: those on their way, and a few that are next. */
const CONNECTION_BATCHES = 36;
/**
 * How long the collector may be silent before batches are sent again: longer than it keeps a batch for a
 * queue that is away (COLLECTOR_QUEUE_PATIENCE_MS), so that its own word comes first.
 */
const ANSWER_MS: Readonly<Record<PublishMethod, number>> = { stream: 20_000, unary: 10_000 };
/** The run itself says when to give up. */
const NO_LIMIT_MS = 600_000;

/** Hands the feed to a publisher, which does all the sending. */
class PublisherSender implements Sender {
  readonly #method: PublishMethod;
  readonly #deps: SenderDeps;
  readonly #publisher: Publisher;
  readonly #open = new Set<Promise<unknown>>();

  constructor(method: PublishMethod, deps: SenderDeps) {
    const { collector, transport, connections, batchSize, clock, random, tally, token } = deps;
    this.#method = method;
    this.#deps = deps;
    this.#publisher = new Publisher({
      collectors: collector,
      credentials: transport.credentials,
      channelOptions: transport.channelOptions,
      connections,
      method,
      ...(token !== undefined && { token }),
      maxBatchEvents: batchSize,
      maxBatchBytes: MAX_BATCH_BYTES,
      maxUnacknowledgedEvents: connections * CONNECTION_BATCHES * batchSize,
      maxUnacknowledgedBytes: Math.min(MAX_WINDOW_BYTES, connections * CONNECTION_BYTES),
      deadlineMs: NO_LIMIT_MS,
      answerTimeoutMs: ANSWER_MS[method],
      clock,
      random,
      observer: {
        onSent: (events) => (tally.sent += events),
        onResent: (events) => (tally.resent += events),
        onAnswered: ({ accepted, rejected, latencyMs }) => {
          tally.answer({ accepted, rejected });
          tally.latency.record(latencyMs);
        },
        onTrouble: (trouble) => this.#onTrouble(trouble),
      },
    });
  }

  get isWaiting(): boolean {
    return this.#publisher.stats.waitingConnections > 0;
  }

  connected(timeoutMs: number): Promise<boolean> {
    return this.#publisher.connected({ timeoutMs, signal: this.#deps.stop });
  }

  async send(): Promise<void> {
    const { stop } = this.#deps;
    const end = () => void this.#end();
    stop.addEventListener('abort', end, { once: true });
    try {
      await this.#sendFeed();
      // Where the run is stopped meanwhile, the publisher closes, and everything settles.
      const flushing = this.#publisher.flush({ timeoutMs: NO_LIMIT_MS, signal: stop });
      await Promise.all([flushing.catch(() => undefined), ...this.#open]);
    } finally {
      stop.removeEventListener('abort', end);
      await this.#end();
      await Promise.all(this.#open);
    }
  }

  close(): void {
    void this.#publisher.close({ unsent: 'drop', timeoutMs: 0 });
  }

  async #sendFeed(): Promise<void> {
    const { feed, batchSize, stop } = this.#deps;
    while (!feed.ended) {
      const events = feed.take(batchSize, MAX_BATCH_BYTES);
      // One after the other, or the rest of one would come behind the next.
      if (events.length > 0) await this.#publish(events);
      else await feed.wait(Infinity);
      if (stop.aborted) return;
    }
  }

  /** Resolves when there was room for the events. */
  #publish(events: readonly OutgoingEvent[]): Promise<void> {
    return new Promise((onRead) => {
      const list = events.map(({ event }) => event);
      const published = this.#publisher
        .publishMany(list, {
          onFailure: ({ index, error }) => this.#onFailure(error, events[index]),
          onRead,
        })
        .finally(() => this.#open.delete(published));
      this.#open.add(published);
    });
  }

  /** Awaits the answers to what is on its way, and sends nothing more. */
  #end(): Promise<void> {
    const { giveUp } = this.#deps;
    return this.#publisher.close({ unsent: 'drop', timeoutMs: NO_LIMIT_MS, signal: giveUp });
  }

  #onFailure(error: PublishError, event: OutgoingEvent | undefined): void {
    const { tally, notice } = this.#deps;
    if (error.code === 'REJECTED' && error.rejection !== undefined) {
      tally.reject(event?.position, error.rejection);
    } else if (error.code === 'TOO_LARGE' || error.code === 'INVALID_EVENT') {
      tally.sent += 1;
      tally.failed += 1;
      notice(`event ${event?.position ?? ''}: ${error.message}; given up`);
    } else if (error.sent) {
      // What was never sent is what the run has left over.
      if (error.mayBeQueued) tally.unknown += 1;
      else tally.failed += 1;
    }
  }

  #onTrouble({ kind, text, givenUp, again, hopeless }: PublisherTrouble): void {
    const { notice, stopRun, waiting } = this.#deps;
    if (kind === 'not-connected') return waiting();
    if (hopeless) return stopRun(explained(text, this.#method));
    const parts = [
      ...(givenUp > 0 ? [`${givenUp} events given up`] : []),
      ...(again > 0 ? [`${again}${givenUp > 0 ? '' : ' events'} will be sent again`] : []),
    ];
    notice(parts.length === 0 ? text : `${text}; ${parts.join(', ')}`);
  }
}

function explained(text: string, method: PublishMethod): string {
  if (method !== 'stream' || !text.startsWith('UNIMPLEMENTED')) return text;
  return `${text}; this collector takes no streams of batches: use --mode stream or --mode unary`;
}
