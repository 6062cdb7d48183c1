import type { ChannelCredentials, Client, ClientOptions } from '@grpc/grpc-js';
import type { PublishEventsResponse } from '@event-pipeline/contracts';
import { messageOf, type Clock, type Random } from '@event-pipeline/runtime/basics';
import { Batch } from './batch';
import { MAX_UNANSWERED } from './batch-call';
import type { PublishMethod } from './publish-method';
import { BatchLine } from './batch-line';
import type { Owner } from './claim';
import { openChannel } from './collector-channel';
import { CollectorRotation } from './collector-rotation';
import type { CallFailure } from './failure-rules';
import { Lane } from './lane';
import { LiveBatches } from './live-batches';
import { PublishError, type PublishErrorCode, type PublishErrorDetails } from './publish-error';
import type { PublisherObserver } from './publisher-observer';
import type { PublisherLimits } from './publisher-options';
import type { SendWindow } from './send-window';
import type { Spill, SpilledBatch } from './spill-port';

export interface DispatchOptions {
  readonly limits: PublisherLimits;
  readonly window: SendWindow;
  readonly clock: Clock;
  readonly random: Random;
  readonly method: PublishMethod;
  readonly credentials: ChannelCredentials;
  readonly channelOptions: ClientOptions | undefined;
  readonly spill: Spill | undefined;
  readonly observer: PublisherObserver;
}

/** Most bytes that one connection keeps without an answer. */
const LANE_BYTES = 8 * 1_048_576;
/** How long collectors may take to end calls whose last batch they have answered, ms. */
const CALLS_END_MS = 2_000;
/** Between two looks at deadlines and silent calls: at least, and at most, ms. */
const MIN_LOOK_MS = 10;
const MAX_LOOK_MS = 1_000;
/** A deadline is noticed at the latest after this part of it. */
const LOOKS_A_DEADLINE = 4;

/** Brings batches to the collectors, once they are on disk where there is a spill, and settles them. */
export class Dispatch {
  readonly #options: DispatchOptions;
  readonly #line = new BatchLine();
  readonly #live: LiveBatches;
  readonly #lanes: readonly Lane[];
  readonly #over = new AbortController();
  /** Batches of earlier runs stay where they are from then on. */
  readonly #noRecovery = new AbortController();
  /** The batch that is written to disk last. */
  #saving: Promise<void> = Promise.resolve();
  #recovery: Promise<void> = Promise.resolve();
  #dropping = false;
  #nextLane = 0;
  #watching = false;
  #wakeWatch = new AbortController();
  #lookMs = MAX_LOOK_MS;
  #accepted = 0;
  #rejected = 0;
  #failed = 0;

  constructor(options: DispatchOptions) {
    const { limits, clock } = options;
    this.#options = options;
    this.#live = new LiveBatches(clock);
    const { credentials, channelOptions, method, random } = options;
    const rotation = new CollectorRotation(limits.collectors, clock);
    const deps = {
      line: this.#line,
      rotation,
      clock,
      random,
      method,
      limits: { maxBatches: MAX_UNANSWERED[method], maxBytes: LANE_BYTES },
      answerMs: limits.answerTimeoutMs,
      openChannel: (address: string) => openChannel(address, credentials, channelOptions),
      onWritten: (batch: Batch) => this.#onWritten(batch),
      onAnswer: (batch: Batch, response: PublishEventsResponse) => this.#onAnswer(batch, response),
      onRefused: (batch: Batch, failure: CallFailure, statusName: string) =>
        this.#onRefused(batch, failure, statusName),
      onTrouble: this.#telling('onTrouble'),
      onLanded: (batch: Batch) => this.#settle(batch),
      onIdle: () => this.#live.notify(),
    };
    this.#lanes = Array.from({ length: limits.connections }, (_, i) => new Lane(i, deps));
    this.#lookMs = lookFor(Math.min(limits.deadlineMs, limits.answerTimeoutMs));
  }

  get clients(): readonly Client[] {
    return this.#lanes.map(({ client }) => client);
  }

  get hasSpill(): boolean {
    return this.#options.spill !== undefined;
  }

  get stats() {
    return {
      acceptedEvents: this.#accepted,
      rejectedEvents: this.#rejected,
      failedEvents: this.#failed,
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
        this.#giveUp(batch, known?.code ?? 'SPILL_FAILED', message, { cause: error });
      },
    );
  }

  /** Sends what earlier runs have left, as there is room. */
  recover(): void {
    const { spill } = this.#options;
    if (spill !== undefined) this.#recovery = this.#sendRecovered(spill);
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

  /** Resolves when every batch so far is on disk, or settled. */
  saved(): Promise<void> {
    return this.#saving;
  }

  /** Looks at deadlines from now on, as long as something is open. */
  watch(deadline: number): void {
    const { clock } = this.#options;
    if (!this.#watching) {
      this.#watching = true;
      void this.#watch();
    }
    // Called for every event: the clock is not asked where this cannot matter.
    if (this.#lookMs <= MIN_LOOK_MS) return;
    const lookMs = lookFor(deadline - clock.monotonic());
    if (lookMs >= this.#lookMs) return;
    this.#lookMs = lookMs;
    this.#wakeWatch.abort();
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
    for (const batch of [...this.#live]) this.#abandon(batch);
    await Promise.all(this.#lanes.map((lane) => lane.close()));
    await this.#saving;
    await this.#recovery;
    await spill?.close();
  }

  #enqueue(batch: Batch): void {
    if (this.#dropping) return this.#abandon(batch);
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
      if (!batch.inFlight) this.#abandon(batch);
    }
  }

  /** Gives a batch up since the publisher closes. What is on disk stays there. */
  #abandon(batch: Batch): void {
    if (batch.over && !this.#live.delete(batch)) return;
    const mayBeQueued = batch.inFlight || batch.ambiguous || batch.spilled;
    const message = 'the publisher was closed before the event was acknowledged';
    if (!batch.recovered) this.#failed += batch.fail('CLOSED', message, { mayBeQueued });
    batch.over = true;
    this.#live.delete(batch);
    this.#options.window.release(batch.events, batch.room);
    this.#live.notify();
  }

  #giveUp(
    batch: Batch,
    code: PublishErrorCode,
    message: string,
    details?: PublishErrorDetails,
  ): void {
    this.#failed += batch.fail(code, message, details);
    this.#settle(batch);
  }

  /** Nothing is to be done about the batch any more, on disk neither. */
  #settle(batch: Batch): void {
    batch.over = true;
    if (!this.#live.delete(batch)) return;
    if (batch.spilled) this.#options.spill?.done(batch.id);
    this.#options.window.release(batch.events, batch.room);
    this.#live.notify();
  }

  #onWritten(batch: Batch): void {
    if (batch.sentAt === undefined) {
      batch.sentAt = this.#options.clock.monotonic();
      this.#telling('onSent')(batch.events);
    } else {
      this.#telling('onResent')(batch.events);
    }
  }

  #onAnswer(batch: Batch, response: PublishEventsResponse): void {
    const counts = batch.answer(response);
    this.#accepted += counts.accepted;
    this.#rejected += counts.rejected;
    const latencyMs = this.#options.clock.monotonic() - (batch.sentAt ?? 0);
    this.#telling('onAnswered')({ ...counts, latencyMs });
    this.#settle(batch);
  }

  /** A batch of an earlier run is given up only where it is the batch that is refused. */
  #onRefused(batch: Batch, failure: CallFailure, statusName: string): boolean {
    if (batch.recovered && failure.action === 'stop') return false;
    const details = { status: statusName, mayBeQueued: batch.ambiguous };
    this.#giveUp(batch, 'REFUSED', failure.text, details);
    return true;
  }

  async #watch(): Promise<void> {
    const { clock, window } = this.#options;
    const { signal } = this.#over;
    while (!window.isEmpty && !signal.aborted) {
      this.#wakeWatch = new AbortController();
      const wake = () => this.#wakeWatch.abort();
      signal.addEventListener('abort', wake, { once: true });
      await clock.sleep(this.#lookMs, this.#wakeWatch.signal);
      signal.removeEventListener('abort', wake);
      if (!this.#wakeWatch.signal.aborted) this.#look(clock.monotonic());
    }
    this.#watching = false;
  }

  #look(now: number): void {
    this.#options.window.expire(now);
    for (const batch of [...this.#live]) {
      const expired = batch.expire(now);
      this.#failed += expired;
      if (expired === 0 || !batch.isTold) continue;
      batch.over = true;
      if (!batch.inFlight) this.#settle(batch);
    }
    for (const lane of this.#lanes) lane.look(now);
  }

  async #sendRecovered(spill: Spill): Promise<void> {
    try {
      for await (const spilled of spill.recovered()) {
        if (!(await this.#roomFor(spilled))) return;
        const batch = recoveredBatch(spilled, {
          accepted: () => undefined,
          failed: (_first, count, error) => this.#telling('onRecoveredFailed')(count, error),
        });
        this.#live.add(batch);
        this.#enqueue(batch);
        this.watch(Infinity);
      }
    } catch (error) {
      const message = `batches of an earlier run cannot be read: ${messageOf(error)}`;
      const known = new PublishError('SPILL_FAILED', message, { cause: error });
      this.#telling('onRecoveredFailed')(0, known);
    }
  }

  /**
   * Takes room for a batch of an earlier run, which waits in the same line as everybody else; false where
   * the publisher closes first.
   */
  async #roomFor({ events, bytes }: SpilledBatch): Promise<boolean> {
    const { window, clock } = this.#options;
    const { signal } = this.#noRecovery;
    const size = bytes.length;
    while (!signal.aborted) {
      if (window.isOpen) {
        window.take(events, size);
        return true;
      }
      const entered = await new Promise<boolean>((resolve) => {
        const enter = () => {
          if (!signal.aborted) window.take(events, size);
          resolve(!signal.aborted);
        };
        const refuse = () => resolve(false);
        if (window.wait({ bytes: size, deadline: Infinity, enter, refuse })) return;
        void clock.sleep(MAX_LOOK_MS, signal).then(refuse);
      });
      if (entered) return true;
    }
    return false;
  }

  /** The observer's function of this name, which may throw without harm. */
  #telling<Name extends keyof PublisherObserver>(name: Name) {
    const { observer } = this.#options;
    return (...args: Parameters<NonNullable<PublisherObserver[Name]>>) => {
      try {
        const tell = observer[name] as ((...given: unknown[]) => void) | undefined;
        tell?.apply(observer, args);
      } catch {
        // An observer's mistake must not stop the sending.
      }
    };
  }
}

function recoveredBatch({ id, bytes, events }: SpilledBatch, owner: Owner): Batch {
  const claim = { owner, first: 0, count: events, deadline: Infinity, told: false };
  const batch = new Batch(id, 0, bytes, events, bytes.length, [claim]);
  batch.recovered = true;
  batch.spilled = true;
  batch.ambiguous = true;
  return batch;
}

function lookFor(deadlineMs: number): number {
  return Math.min(MAX_LOOK_MS, Math.max(MIN_LOOK_MS, deadlineMs / LOOKS_A_DEADLINE));
}
