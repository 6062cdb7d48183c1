import { setMaxListeners } from 'node:events';
import type { TokenSource } from '@event-pipeline/publisher';
import { messageOf, type Clock, type Random } from '@event-pipeline/runtime';
import { PLAINTEXT, type CollectorTransport } from './collector-transport';
import { EventFeed } from './event-feed';
import type { EventSource } from './event-source';
import type { ProducerOptions } from './producer-options';
import type { Sender } from './send-mode';
import { SEND_MODES } from './send-modes';
import { watchForStall } from './stall-watch';
import type { Tally } from './tally';

/** Why a run ended before its events did. */
export interface EarlyEnd {
  readonly why: 'unreachable' | 'stalled' | 'refused' | 'interrupted';
  /** For people: what happened and what to do. */
  readonly reason: string;
}

export interface RunOutcome {
  /** Undefined where every event of the source was sent and answered, or given up by itself. */
  readonly early: EarlyEnd | undefined;
  /** From the first event sent to the last answer. */
  readonly seconds: number;
}

export interface RunDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly tally: Tally;
  /** Sent with each call; undefined: none. */
  readonly token?: TokenSource | undefined;
  /** Default: without TLS. */
  readonly transport?: CollectorTransport;
  /** A message for people while the run goes on. */
  notice(text: string): void;
  /** Called once the collector is there and sending begins. */
  onConnected(): Promise<void>;
  /** Aborts to end the run in good order: sending stops, answers are awaited for a short time. */
  readonly interrupt: AbortSignal;
  /** Aborts to end the run at once. */
  readonly abandon: AbortSignal;
}

/** How long the first connection may take. */
const CONNECT_MS = 10_000;
/** After this long without a connection people are told what is waited for. */
const CONNECT_NOTICE_MS = 300;
/** How long answers are awaited after an interrupt. */
const ANSWER_GRACE_MS = 5_000;
/** Of notices that come in crowds, one in this time is passed on. */
const NOTICE_INTERVAL_MS = 5_000;

/**
 * Sends everything the source has to the collector. Every event sent is accounted for in the tally
 * when this resolves; it never rejects for what the collector or the network does.
 */
export async function produce(
  options: ProducerOptions,
  source: EventSource,
  deps: RunDeps,
): Promise<RunOutcome> {
  const run = new Run(options, source, deps);
  try {
    return await run.complete();
  } finally {
    run.close();
  }
}

class Run {
  readonly #options: ProducerOptions;
  readonly #deps: RunDeps;
  readonly #sender: Sender;
  /** Ends sending; then waiting for answers; then the duties beside them. */
  readonly #stop = new AbortController();
  readonly #giveUp = new AbortController();
  readonly #over = new AbortController();
  #early: EarlyEnd | undefined;
  #noticedAt = -Infinity;
  /** What was said last of the collector's answers. */
  #lastNotice: string | undefined;

  constructor(options: ProducerOptions, source: EventSource, deps: RunDeps) {
    this.#options = options;
    this.#deps = deps;
    // Each connection listens; the default warns above ten.
    setMaxListeners(0, this.#stop.signal, this.#giveUp.signal);
    this.#sender = this.#openSender(source);
    const interrupted = () => this.#end('interrupted', 'interrupted');
    listen(deps.interrupt, () => {
      interrupted();
      void deps.clock.sleep(ANSWER_GRACE_MS, this.#over.signal).then(() => this.#giveUp.abort());
    });
    listen(deps.abandon, () => {
      interrupted();
      this.#giveUp.abort();
    });
  }

  async complete(): Promise<RunOutcome> {
    const { clock } = this.#deps;
    if (!(await this.#connect())) return { early: this.#early, seconds: 0 };
    await this.#deps.onConnected();
    const startedAt = clock.monotonic();
    const watching = this.#watch();
    await this.#send();
    const seconds = (clock.monotonic() - startedAt) / 1_000;
    this.#over.abort();
    await watching;
    return { early: this.#early, seconds };
  }

  close(): void {
    this.#over.abort();
    this.#sender.close();
  }

  async #connect(): Promise<boolean> {
    const { clock, notice, transport = PLAINTEXT } = this.#deps;
    const { collector, timeoutMs } = this.#options;
    const connecting = new AbortController();
    void clock.sleep(CONNECT_NOTICE_MS, connecting.signal).then(() => {
      if (!connecting.signal.aborted) notice(`waiting for collector at ${collector}`);
    });
    const limitMs = Math.min(CONNECT_MS, timeoutMs);
    const connected = await this.#sender.connected(limitMs);
    connecting.abort();
    if (!connected) {
      this.#end(
        'unreachable',
        `no collector answers at ${collector} (waited ${limitMs / 1_000} s): check that it runs and ` +
          `listens there${transport.hint}, or name another address with --collector or COLLECTOR_ADDRESS`,
      );
    }
    return connected;
  }

  #watch(): Promise<void> {
    const { clock, tally } = this.#deps;
    const { timeoutMs, collector } = this.#options;
    const limits = { clock, tally, limitMs: timeoutMs, waiting: () => this.#sender.isWaiting };
    return watchForStall(limits, this.#over.signal, () => {
      const waited = `${timeoutMs / 1_000} s`;
      const last = this.#lastNotice;
      const what = last === undefined ? 'answered nothing' : 'taken no event';
      const reason = `the collector at ${collector} has ${what} for ${waited}`;
      this.#end('stalled', last === undefined ? reason : `${reason}; last: ${last}`);
      this.#giveUp.abort();
    });
  }

  #openSender(source: EventSource): Sender {
    const { clock, random, tally, token, transport = PLAINTEXT } = this.#deps;
    const { mode, collector, batchSize, rate, connections } = this.#options;
    const stop = this.#stop.signal;
    return SEND_MODES[mode].open({
      collector,
      transport,
      connections,
      batchSize,
      feed: new EventFeed({ source, rate, clock, stop }),
      tally,
      token,
      clock,
      random,
      stop,
      giveUp: this.#giveUp.signal,
      stopRun: (reason) => this.#end('refused', reason),
      notice: (text) => {
        this.#lastNotice = text;
        this.#crowdedNotice(text);
      },
      waiting: () => this.#crowdedNotice(`waiting for collector at ${collector}`),
    });
  }

  async #send(): Promise<void> {
    try {
      await this.#sender.send();
    } catch (error) {
      // A bug: what was sent is awaited, and the run says so.
      this.#end('refused', `internal error: ${messageOf(error)}`);
    }
  }

  /** The first reason counts. */
  #end(why: EarlyEnd['why'], reason: string): void {
    this.#early ??= { why, reason };
    this.#stop.abort();
  }

  #crowdedNotice(text: string): void {
    const now = this.#deps.clock.monotonic();
    if (now - this.#noticedAt < NOTICE_INTERVAL_MS) return;
    this.#noticedAt = now;
    this.#deps.notice(text);
  }
}

function listen(signal: AbortSignal, onAbort: () => void): void {
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
}
