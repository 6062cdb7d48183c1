import type { ChannelCredentials, Client, ClientOptions } from '@grpc/grpc-js';
import type { PublishEventsResponse } from '@event-pipeline/contracts';
import { messageOf, type Clock, type Random } from '@event-pipeline/runtime/basics';
import type { Batch } from './batch';
import { MAX_UNANSWERED } from './batch-call';
import type { TokenSource } from './call-token';
import type { PublishMethod } from './publish-method';
import { BatchBooks } from './batch-books';
import { BatchLine } from './batch-line';
import { openChannel } from './collector-channel';
import { CollectorRotation } from './collector-rotation';
import { DeadlineWatch } from './deadline-watch';
import type { CallFailure } from './failure-rules';
import { Lane } from './lane';
import { LiveBatches } from './live-batches';
import { observerCalls } from './observer-calls';
import { PublishError } from './publish-error';
import type { PublisherObserver } from './publisher-observer';
import type { PublisherLimits } from './publisher-options';
import type { SendWindow } from './send-window';
import { sendRecovered } from './spill-recovery';
import type { Spill } from './spill-port';

export interface DispatchOptions {
  readonly limits: PublisherLimits;
  readonly window: SendWindow;
  readonly clock: Clock;
  readonly random: Random;
  readonly method: PublishMethod;
  readonly token: TokenSource | undefined;
  readonly credentials: ChannelCredentials;
  readonly channelOptions: ClientOptions | undefined;
  readonly spill: Spill | undefined;
  readonly observer: PublisherObserver;
}

/** Most bytes that one connection keeps without an answer. */
const LANE_BYTES = 8 * 1_048_576;
/** How long collectors may take to end calls whose last batch they have answered, ms. */
const CALLS_END_MS = 2_000;
/** How long the disk may take when the publisher closes, ms. */
const DISK_MS = 5_000;

/** Brings batches to the collectors, once they are on disk where there is a spill, and settles them. */
export class Dispatch {
  readonly #options: DispatchOptions;
  readonly #line = new BatchLine();
  readonly #live: LiveBatches;
  readonly #books: BatchBooks;
  readonly #lanes: readonly Lane[];
  readonly #observer: Required<PublisherObserver>;
  readonly #watch: DeadlineWatch;
  readonly #over = new AbortController();
  /** Batches of earlier runs stay where they are from then on. */
  readonly #noRecovery = new AbortController();
  /** The batch that is written to disk last. */
  #saving: Promise<void> = Promise.resolve();
  #recovery: Promise<void> = Promise.resolve();
  #dropping = false;
  #nextLane = 0;

  constructor(options: DispatchOptions) {
    const { limits, clock } = options;
    this.#options = options;
    this.#observer = observerCalls(options.observer);
    this.#live = new LiveBatches(clock);
    this.#books = new BatchBooks({ ...options, observer: this.#observer, live: this.#live });
    const { credentials, channelOptions, method, token, random } = options;
    const rotation = new CollectorRotation(limits.collectors, clock);
    const deps = {
      line: this.#line,
      rotation,
      clock,
      random,
      method,
      token,
      limits: { maxBatches: MAX_UNANSWERED[method], maxBytes: LANE_BYTES },
      answerMs: limits.answerTimeoutMs,
      openChannel: (address: string) => openChannel(address, credentials, channelOptions),
      onWritten: (batch: Batch) => this.#books.written(batch),
      onAnswer: (batch: Batch, response: PublishEventsResponse) =>
        this.#books.answered(batch, response),
      onRefused: (batch: Batch, failure: CallFailure, statusName: string) =>
        this.#books.refused(batch, failure, statusName),
      onTrouble: this.#observer.onTrouble,
      onLanded: (batch: Batch) => this.#books.settle(batch),
      onIdle: () => this.#live.notify(),
    };
    this.#lanes = Array.from({ length: limits.connections }, (_, i) => new Lane(i, deps));
    const watchDeps = {
      clock,
      usualMs: Math.min(limits.deadlineMs, limits.answerTimeoutMs),
      isNeeded: () => !options.window.isEmpty,
      look: (now: number) => this.#look(now),
    };
    this.#watch = new DeadlineWatch(watchDeps, this.#over.signal);
  }

  get clients(): readonly Client[] {
    return this.#lanes.map(({ client }) => client);
  }

  get hasSpill(): boolean {
    return this.#options.spill !== undefined;
  }

  get stats() {
    return {
      ...this.#books.counts,
      waitingConnections: this.#lanes.filter(({ isRecovering }) => isRecovering).length,
    };
  }

  /** Takes a batch whose room was taken. */
  send(batch: Batch): void {
    this.#live.add(batch);
    const { spill } = this.#options;
    if (spill === undefined) return this.#enqueue(batch);
    this.#saving = spill.append(batch).then(
      () => {
        batch.spilled = true;
        if (batch.over) spill.done(batch.id);
        else this.#enqueue(batch);
      },
      (error: unknown) => {
        const known = error instanceof PublishError ? error : undefined;
        const message = known?.message ?? `writing to the spill failed: ${messageOf(error)}`;
        this.#books.giveUp(batch, known?.code ?? 'SPILL_FAILED', message, { cause: error });
      },
    );
  }

  /** Sends what earlier runs have left, as there is room. */
  recover(): void {
    const { spill, window, clock } = this.#options;
    if (spill === undefined) return;
    const send = (batch: Batch) => {
      this.#live.add(batch);
      this.#enqueue(batch);
      this.watch();
    };
    const deps = { window, clock, observer: this.#observer, send };
    this.#recovery = sendRecovered(spill, deps, this.#noRecovery.signal);
  }

  /** Whether everything that earlier runs have left is settled in time. */
  async recovered(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    let isRead = false;
    void this.#recovery.then(() => {
      isRead = true;
      this.#live.notify();
    });
    return this.#live.until(() => isRead && !this.#live.hasRecovered, timeoutMs, signal);
  }

  /** Whether every batch so far is on disk, or settled, in time. */
  saved(timeoutMs: number): Promise<boolean> {
    return this.#within(timeoutMs, this.#saving);
  }

  /** Looks at deadlines from now on, as long as something is open. */
  watch(): void {
    this.#watch.start();
  }

  /** An event that is to come has so much time, ms. */
  expect(timeMs: number): void {
    this.#watch.expect(timeMs);
  }

  /** Whether every batch up to this number is settled in time. */
  settledUpTo(number: number, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    return this.#live.until(() => !this.#live.hasUpTo(number), timeoutMs, signal);
  }

  /**
   * Waits for what is open, then gives it up, and frees everything.
   *
   * @param cut ends the open batch: whoever waited for room may have come in meanwhile
   */
  async close(
    timeoutMs: number,
    unsent: 'send' | 'drop',
    cut: () => void,
    signal?: AbortSignal,
  ): Promise<void> {
    const { window, spill } = this.#options;
    this.#noRecovery.abort();
    if (unsent === 'drop') this.#drop();
    const isSettled = () => {
      cut();
      if (unsent === 'drop') return !this.#lanes.some(({ hasInFlight }) => hasInFlight);
      return window.isEmpty;
    };
    const settled = await this.#live.until(isSettled, timeoutMs, signal);
    window.close();
    cut();
    this.#dropping = true;
    this.#over.abort();
    for (const lane of this.#lanes) lane.finish();
    if (settled) {
      const hasCall = () => this.#lanes.some((lane) => lane.hasCall);
      await this.#live.until(() => !hasCall(), CALLS_END_MS, signal);
    }
    for (const batch of [...this.#live]) this.#books.abandon(batch);
    await Promise.all(this.#lanes.map((lane) => lane.close()));
    const written = Promise.all([this.#saving, this.#recovery]).then(() => spill?.close());
    await this.#within(DISK_MS, written);
  }

  /** Whether it resolves in time. */
  async #within(limitMs: number, promise: Promise<unknown>): Promise<boolean> {
    const timer = new AbortController();
    const late = this.#options.clock.sleep(limitMs, timer.signal).then(() => false);
    const inTime = await Promise.race([promise.then(() => true), late]);
    timer.abort();
    return inTime;
  }

  #enqueue(batch: Batch): void {
    if (this.#dropping) return this.#books.abandon(batch);
    if (batch.over) return;
    this.#line.push(batch);
    this.#pump();
  }

  /** Connections take batches in turn. */
  #pump(): void {
    const count = this.#lanes.length;
    const first = this.#nextLane++ % count;
    for (let i = 0; i < count && !this.#line.isEmpty; i += 1) {
      this.#lanes[(first + i) % count]?.pump();
    }
  }

  /** Gives up what is not on its way, and sends nothing more. */
  #drop(): void {
    this.#dropping = true;
    this.#over.abort();
    for (const lane of this.#lanes) lane.finish();
    for (const batch of [...this.#live]) {
      if (!batch.inFlight) this.#books.abandon(batch);
    }
  }

  #look(now: number): void {
    this.#options.window.expire(now);
    this.#books.expire(now);
    for (const lane of this.#lanes) lane.look(now);
  }
}
