import { credentials } from '@grpc/grpc-js';
import {
  messageOf,
  systemClock,
  systemRandom,
  type Clock,
  type Random,
} from '@event-pipeline/runtime/basics';
import { checkSize, measureEvent, type EventDefaults, type MeasuredEvent } from './batch-encoder';
import { Batcher } from './batcher';
import type { Owner } from './claim';
import { waitUntilConnected } from './collector-channel';
import { Dispatch } from './dispatch';
import { PublishError } from './publish-error';
import { ManyEvents, type PublishManyOptions, type PublishManyResult } from './publish-many';
import type { PublishableEvent } from './publishable-event';
import {
  checkOptions,
  checkTime,
  type PublisherLimits,
  type PublisherOptions,
} from './publisher-options';
import { SendWindow } from './send-window';

/** What is known of an event that is in the queue. */
export interface Receipt {
  readonly eventId: string;
  /** The queue had its batch already: this is the first answer repeated. */
  readonly duplicate: boolean;
}

export interface PublishOptions {
  /** Instead of the publisher's own. */
  readonly deadlineMs?: number;
}

export interface WaitOptions {
  /** How long to wait; default: `closeTimeoutMs`. */
  readonly timeoutMs?: number;
  /** Aborts to wait no longer. */
  readonly signal?: AbortSignal;
}

export interface CloseOptions extends WaitOptions {
  /** 'drop' gives up at once what is not on its way, and only awaits answers. Default: 'send'. */
  readonly unsent?: 'send' | 'drop';
}

/** Figures of a publisher. The counts are of its whole life. */
export interface PublisherStats {
  readonly unacknowledgedEvents: number;
  readonly unacknowledgedBytes: number;
  /** Calls of publish() that wait for room. */
  readonly waitingEvents: number;
  readonly acceptedEvents: number;
  /** Refused one by one by the collector. */
  readonly rejectedEvents: number;
  /** Given up for whatever other reason. */
  readonly failedEvents: number;
  /** Connections that wait: for the collector, or for the time it asked for. */
  readonly waitingConnections: number;
}

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
  readonly #refusesWhenFull: boolean;
  readonly #defaults: EventDefaults;
  readonly #window: SendWindow;
  readonly #batcher: Batcher;
  readonly #dispatch: Dispatch;
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
    this.#refusesWhenFull = options.whenFull === 'refuse';
    const { traceparent } = options;
    this.#defaults = { now: () => clock.now(), newId: () => random.uuid(), traceparent };
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
      const measured = this.#measure(event);
      const { eventId } = measured;
      const owner: Owner = {
        accepted: (_first, _count, duplicate) => resolve({ eventId, duplicate }),
        failed: (_first, _count, error) => reject(error),
      };
      void this.#submit(measured, owner, 0, this.#deadline(options?.deadlineMs));
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
    await this.#turn(this.#deadline());
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
    if (this.#window.waiting > 0) await this.#turn(startedAt + limitMs);
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
    if (this.#window.waiting > 0) await this.#turn(startedAt + limitMs);
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
    this.#batcher.cut();
    if (unsent === 'drop') this.#window.close();
    const limitMs = this.#waitLimit(timeoutMs);
    await this.#dispatch.close(limitMs, unsent, () => this.#batcher.cut(), signal);
  }

  /** The event is on its way, or settled; a promise of that where there is no room yet. */
  #submit(
    event: MeasuredEvent,
    owner: Owner,
    index: number,
    deadline: number,
  ): Promise<void> | undefined {
    if (this.#closing !== undefined) {
      owner.failed(index, 1, closedError());
      return undefined;
    }
    if (this.#window.isOpen) {
      this.#enter(event, owner, index, deadline);
      return undefined;
    }
    if (this.#refusesWhenFull) {
      owner.failed(index, 1, fullError());
      return undefined;
    }
    // It may wait long: from now on it must not change with what the caller does to its data.
    const kept = { ...event, data: event.data.slice() };
    return new Promise((resolve) => {
      const stands = this.#window.wait({
        bytes: event.bytes,
        deadline,
        enter: () => {
          this.#enter(kept, owner, index, deadline);
          resolve();
        },
        refuse: (why) => {
          owner.failed(index, 1, why === 'late' ? lateError() : closedError());
          resolve();
        },
      });
      if (!stands) {
        owner.failed(index, 1, fullError());
        resolve();
      }
      this.#dispatch.watch();
    });
  }

  #enter(event: MeasuredEvent, owner: Owner, index: number, deadline: number): void {
    this.#window.take(1, event.bytes);
    this.#batcher.add(event, owner, index, deadline);
    this.#dispatch.watch();
  }

  #offer(event: PublishableEvent, many: ManyEvents, deadline: number): Promise<void> | undefined {
    const index = many.events;
    many.events += 1;
    let measured: MeasuredEvent;
    try {
      measured = this.#measure(event);
    } catch (error) {
      many.failed(index, 1, error as PublishError);
      return undefined;
    }
    return this.#submit(measured, many, index, deadline);
  }

  /** @throws PublishError INVALID_EVENT, TOO_LARGE */
  #measure(event: PublishableEvent): MeasuredEvent {
    let measured: MeasuredEvent;
    try {
      measured = measureEvent(event, this.#defaults);
    } catch (error) {
      if (error instanceof PublishError) throw error;
      const message = `the event cannot be read: ${messageOf(error)}`;
      throw new PublishError('INVALID_EVENT', message, { cause: error });
    }
    checkSize(measured, this.#limits.maxRequestBytes);
    return measured;
  }

  /** Takes a place in the line for room, and resolves when it is at its head. */
  #turn(deadline: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closing !== undefined) return reject(closedError());
      const stands = this.#window.wait({
        bytes: 0,
        deadline,
        enter: resolve,
        refuse: (why) => reject(why === 'late' ? lateError() : closedError()),
      });
      if (!stands) reject(fullError());
      this.#dispatch.watch();
    });
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

function closedError(): PublishError {
  return new PublishError('CLOSED', 'the publisher is closed');
}

function fullError(): PublishError {
  const message = 'too many events are not acknowledged, and there is no room for this one';
  return new PublishError('WINDOW_FULL', message);
}

function lateError(): PublishError {
  return new PublishError('DEADLINE_EXCEEDED', 'there was no room for the event within its time');
}
