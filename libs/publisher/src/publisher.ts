import { credentials } from '@grpc/grpc-js';
import { systemClock, systemRandom, type Clock, type Random } from '@event-pipeline/runtime/basics';
import type { MeasuredEvent } from './batch-encoder';
import { Batcher } from './batcher';
import type { Owner } from './claim';
import { waitUntilConnected } from './collector-channel';
import { Dispatch } from './dispatch';
import { EventAdmission } from './event-admission';
import { PublishError } from './publish-error';
import { ManyEvents, type PublishManyOptions, type PublishManyResult } from './publish-many';
import type { PublishableEvent } from './publishable-event';
import type {
  CloseOptions,
  PublishOptions,
  PublisherStats,
  Receipt,
  WaitOptions,
} from './publisher-calls';
import {
  checkOptions,
  checkTime,
  type PublisherLimits,
  type PublisherOptions,
} from './publisher-options';
import { SendWindow } from './send-window';

/** Waits that are shorter than this may take a part of it longer, ms. */
const SHORT_WAIT_MS = 1_000;
/** Events of a list after which others get their turn. */
const EVENTS_A_TURN = 2_048;

/**
 * Sends events to collectors in batches, and tells of each one whether the queue has it. A batch without an
 * answer is sent again under its batch id, which the queue takes once: a lost connection costs time, and
 * neither an event nor a duplicate.
 *
 * Memory is bounded by `maxUnacknowledgedEvents` and `maxUnacknowledgedBytes`, twice over: what is on its
 * way, and the line of publish() calls that wait for room. Every event is settled within its deadline.
 */
export class Publisher {
  readonly #limits: PublisherLimits;
  readonly #clock: Clock;
  readonly #window: SendWindow;
  readonly #batcher: Batcher;
  readonly #dispatch: Dispatch;
  readonly #admission: EventAdmission;
  #closing: Promise<void> | undefined;

  /**
   * Connects when the first event is sent.
   *
   * @throws PublishError INVALID_OPTIONS whose message names every problem, a line each.
   */
  constructor(options: PublisherOptions) {
    const limits = checkOptions(options);
    const clock = options.clock ?? systemClock;
    const random: Random = options.random ?? systemRandom;
    this.#limits = limits;
    this.#clock = clock;
    this.#window = new SendWindow({
      maxEvents: limits.maxUnacknowledgedEvents,
      maxBytes: limits.maxUnacknowledgedBytes,
    });
    this.#dispatch = new Dispatch({
      limits,
      window: this.#window,
      clock,
      random,
      method: options.method ?? 'stream',
      token: options.token,
      credentials: options.credentials ?? credentials.createInsecure(),
      channelOptions: options.channelOptions,
      spill: options.spill,
      observer: options.observer ?? {},
    });
    this.#batcher = new Batcher({
      maxEvents: limits.maxBatchEvents,
      maxBytes: limits.maxBatchBytes,
      lingerMs: limits.lingerMs,
      clock,
      random,
      onBatch: (batch) => this.#dispatch.send(batch),
    });
    this.#admission = new EventAdmission({
      window: this.#window,
      batcher: this.#batcher,
      defaults: {
        now: () => clock.now(),
        newId: () => random.uuid(),
        traceparent: options.traceparent,
      },
      maxRequestBytes: limits.maxRequestBytes,
      refusesWhenFull: options.whenFull === 'refuse',
      watch: () => this.#dispatch.watch(),
    });
    this.#dispatch.recover();
  }

  /**
   * Resolves when the event is in the queue.
   *
   * @throws PublishError of any code but INVALID_OPTIONS; `mayBeQueued` says whether the event may be in
   *   the queue all the same.
   */
  publish(event: PublishableEvent, options?: PublishOptions): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      const measured = this.#admission.measure(event);
      const { eventId } = measured;
      const owner: Owner = {
        accepted: (_first, _count, duplicate) => resolve({ eventId, duplicate }),
        failed: (_first, _count, error) => reject(error),
      };
      void this.#admission.submit(measured, owner, 0, this.#deadline(options?.deadlineMs));
    });
  }

  /**
   * Publishes everything that the list or stream gives, as fast as there is room, and resolves when each
   * event is settled. Costs no promise an event. What fails is named in the result; it rejects only where
   * reading the events itself fails, after what was read is settled. A close() ends the reading.
   */
  async publishMany(
    events: Iterable<PublishableEvent> | AsyncIterable<PublishableEvent>,
    options: PublishManyOptions = {},
  ): Promise<PublishManyResult> {
    const timeMs =
      options.deadlineMs === undefined
        ? this.#limits.deadlineMs
        : checkTime('deadlineMs', options.deadlineMs);
    const many = new ManyEvents(options);
    try {
      if (Symbol.asyncIterator in events) {
        for await (const event of events) {
          await this.#offer(event, many, this.#deadline(timeMs));
          if (this.#closing !== undefined) break;
        }
      } else {
        let deadline = this.#deadline(timeMs);
        for (const event of events) {
          const waiting = this.#offer(event, many, deadline);
          const turnIsOver = many.events % EVENTS_A_TURN === 0;
          if (waiting !== undefined) await waiting;
          else if (turnIsOver) await nextTurn();
          if (this.#closing !== undefined) break;
          if (waiting !== undefined || turnIsOver) deadline = this.#deadline(timeMs);
        }
      }
    } catch (error) {
      await many.result();
      throw error;
    }
    return many.result();
  }

  /**
   * Resolves when there is room for an event: await it in a loop that does not await publish() itself.
   *
   * @throws PublishError DEADLINE_EXCEEDED where there is none within the deadline; CLOSED.
   */
  async ready(): Promise<void> {
    if (this.#closing === undefined && this.#window.isOpen) return;
    await this.#admission.turn(this.#deadline());
  }

  /**
   * Sends what is gathered at once, and resolves when everything published before is settled, be it
   * accepted or not.
   *
   * @throws PublishError DEADLINE_EXCEEDED where that takes longer than the limit; events go on.
   */
  async flush({ timeoutMs, signal }: WaitOptions = {}): Promise<void> {
    const limitMs = this.#waitLimit(timeoutMs);
    const startedAt = this.#clock.monotonic();
    if (this.#window.waiting > 0) await this.#admission.turn(startedAt + limitMs);
    this.#batcher.cut();
    const leftMs = Math.max(0, startedAt + limitMs - this.#clock.monotonic());
    const number = this.#batcher.lastNumber;
    if (await this.#dispatch.settledUpTo(number, leftMs, signal)) return;
    throw new PublishError('DEADLINE_EXCEEDED', `not everything was settled within ${limitMs} ms`);
  }

  /**
   * Resolves when everything published before would survive a crash of this process: it is in the spill,
   * or settled. Of a publishMany() under way that is what it has read so far. Without a spill this is flush().
   *
   * @throws PublishError as flush() does.
   */
  async saved(options: WaitOptions = {}): Promise<void> {
    if (!this.#dispatch.hasSpill) return this.flush(options);
    const limitMs = this.#waitLimit(options.timeoutMs);
    const startedAt = this.#clock.monotonic();
    if (this.#window.waiting > 0) await this.#admission.turn(startedAt + limitMs);
    this.#batcher.cut();
    const leftMs = Math.max(0, startedAt + limitMs - this.#clock.monotonic());
    if (await this.#dispatch.saved(leftMs)) return;
    throw new PublishError('DEADLINE_EXCEEDED', `not everything was saved within ${limitMs} ms`);
  }

  /**
   * Resolves when everything that earlier runs have left in the spill is settled; what could not be sent is
   * told to the observer. Without a spill at once.
   *
   * @throws PublishError DEADLINE_EXCEEDED where that takes longer than the limit; sending goes on.
   */
  async recovered({ timeoutMs, signal }: WaitOptions = {}): Promise<void> {
    const limitMs = this.#waitLimit(timeoutMs);
    if (await this.#dispatch.recovered(limitMs, signal)) return;
    const message = `not everything of earlier runs was settled within ${limitMs} ms`;
    throw new PublishError('DEADLINE_EXCEEDED', message);
  }

  /** Whether every connection is up within the limit; false as well when the signal aborts. */
  connected({ timeoutMs, signal }: WaitOptions = {}): Promise<boolean> {
    const limit = { clock: this.#clock, timeoutMs: this.#waitLimit(timeoutMs) };
    return waitUntilConnected(
      this.#dispatch.clients,
      limit,
      signal ?? new AbortController().signal,
    );
  }

  get stats(): PublisherStats {
    return {
      unacknowledgedEvents: this.#window.events,
      unacknowledgedBytes: this.#window.bytes,
      waitingEvents: this.#window.waiting,
      ...this.#dispatch.stats,
    };
  }

  /**
   * Takes no further event, sends what it has, and frees everything. What is not settled when the limit
   * is over is rejected with CLOSED; what is in a spill will be sent at the next start. Never rejects, and
   * takes at most the limit and a few seconds. Later calls await the first one.
   */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  async #close({ timeoutMs, unsent = 'send', signal }: CloseOptions): Promise<void> {
    this.#admission.close();
    this.#batcher.cut();
    if (unsent === 'drop') this.#window.close();
    const limitMs = this.#waitLimit(timeoutMs);
    await this.#dispatch.close(limitMs, unsent, () => this.#batcher.cut(), signal);
  }

  #offer(event: PublishableEvent, many: ManyEvents, deadline: number): Promise<void> | undefined {
    const index = many.events;
    many.events += 1;
    let measured: MeasuredEvent;
    try {
      measured = this.#admission.measure(event);
    } catch (error) {
      many.failed(index, 1, error as PublishError);
      return undefined;
    }
    return this.#admission.submit(measured, many, index, deadline);
  }

  #deadline(timeMs?: number): number {
    const time = timeMs === undefined ? this.#limits.deadlineMs : checkTime('deadlineMs', timeMs);
    this.#dispatch.expect(time);
    return this.#clock.monotonic() + time;
  }

  #waitLimit(timeoutMs: number | undefined): number {
    if (timeoutMs === undefined) return this.#limits.closeTimeoutMs;
    const limitMs = checkTime('closeTimeoutMs', timeoutMs);
    this.#dispatch.expect(Math.max(SHORT_WAIT_MS, limitMs));
    return limitMs;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
