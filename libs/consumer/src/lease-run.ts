import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, Random } from '@event-pipeline/runtime';
import type { Delivery, Lease, RetryPolicy, SettleException } from '@event-pipeline/queue';
import type { Logger } from '@event-pipeline/telemetry';
import { errorText, failureOutcome } from './delivery-outcome';
import type { EventCodec } from './event-codec';
import {
  DEFAULT_HANDLER,
  type BatchHandler,
  type BatchResult,
  type EventHandler,
  type HandlerContext,
  type HandlerFailure,
  type HandlersByType,
} from './event-handler';
import { LeaseVerdicts, type LeaseOutcome } from './lease-outcome';

/** What every run of a consumer shares. */
export interface LeaseRunParts<E> {
  readonly codec: EventCodec<E>;
  readonly handlers: HandlersByType<E>;
  readonly retryPolicy: RetryPolicy;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Longest stretch of handlers that never wait, before timers and sockets get a turn: else a slow
 * synchronous handler would keep the lease from being extended.
 */
const MAX_STRETCH_MS = 20;

interface Group<E> {
  readonly handler: BatchHandler<E>;
  readonly indexes: number[];
  readonly events: E[];
  readonly attempts: number[];
}

/**
 * Takes the events of one lease through their handlers. Single-form handlers run one event after
 * another, in the order of the lease; then each batch-form handler gets all of its events at once.
 *
 * Once `stopping` or `signal` aborts, no further event is started. What ends after `signal` aborted
 * has no verdict, however it ends: it is given back.
 */
export class LeaseRun<E> {
  private readonly verdicts: LeaseVerdicts<E>;
  private readonly groups = new Map<string, Group<E>>();
  private readonly debug: boolean;
  private context: HandlerContext;
  private lastTurn: number;

  constructor(
    private readonly parts: LeaseRunParts<E>,
    private readonly lease: Lease,
    private readonly stopping: AbortSignal,
    private readonly signal: AbortSignal,
  ) {
    this.verdicts = new LeaseVerdicts(lease.size);
    this.debug = parts.logger.isDebug();
    this.context = { signal, attempt: 1, logger: parts.logger };
    this.lastTurn = parts.clock.monotonic();
  }

  /** Resolves when no handler runs any more. Never rejects. */
  async run(): Promise<void> {
    let index = 0;
    for (const delivery of this.lease.deliveries) {
      if (this.isOver()) return;
      const waiting = this.handle(index++, delivery);
      if (waiting !== undefined) await waiting;
      if (this.parts.clock.monotonic() - this.lastTurn >= MAX_STRETCH_MS) await this.giveTurn();
    }
    for (const [name, group] of this.groups) {
      if (this.isOver()) return;
      await this.handleGroup(name, group);
    }
  }

  /** What became of the events, as it stands now; those without a verdict are given back. */
  outcome(): LeaseOutcome<E> {
    return this.verdicts.outcome();
  }

  private isOver(): boolean {
    return this.stopping.aborted || this.signal.aborted;
  }

  /** A promise only where the handler returned one: most handlers of a busy worker do not wait. */
  private handle(index: number, delivery: Delivery): Promise<void> | undefined {
    const { codec, handlers } = this.parts;
    let event: E;
    let type: string;
    try {
      event = codec.decode(delivery.body);
      type = codec.typeOf(event);
    } catch (thrown) {
      this.undecodable(index, delivery, thrown);
      return undefined;
    }
    const name = handlers.has(type) ? type : DEFAULT_HANDLER;
    const handler = handlers.get(name);
    if (this.debug) {
      this.parts.logger.debug({}, `Processing event: ${codec.idOf(event)} of type ${type}`);
    }
    if (handler === undefined) {
      this.failed(index, event, name, new NoHandlerError(type));
      return undefined;
    }
    if (typeof handler !== 'function') {
      this.addToGroup(name, handler, index, event, delivery);
      return undefined;
    }
    return this.handleSingle(handler, index, event, name, delivery);
  }

  private handleSingle(
    handler: Extract<EventHandler<E>, (...given: never[]) => unknown>,
    index: number,
    event: E,
    name: string,
    delivery: Delivery,
  ): Promise<void> | undefined {
    try {
      const returned = handler(event, this.contextFor(delivery.attempts + 1));
      if (!isThenable(returned)) {
        this.succeeded(index, event);
        return undefined;
      }
      return Promise.resolve(returned).then(
        () => this.succeeded(index, event),
        (thrown: unknown) => this.failed(index, event, name, thrown),
      );
    } catch (thrown) {
      this.failed(index, event, name, thrown);
      return undefined;
    }
  }

  private contextFor(attempt: number): HandlerContext {
    if (this.context.attempt !== attempt) this.context = { ...this.context, attempt };
    return this.context;
  }

  private addToGroup(
    name: string,
    handler: BatchHandler<E>,
    index: number,
    event: E,
    delivery: Delivery,
  ): void {
    let group = this.groups.get(name);
    if (group === undefined) {
      group = { handler, indexes: [], events: [], attempts: [] };
      this.groups.set(name, group);
    }
    group.indexes.push(index);
    group.events.push(event);
    group.attempts.push(delivery.attempts + 1);
  }

  private async handleGroup(name: string, group: Group<E>): Promise<void> {
    const { signal } = this;
    const context = { signal, attempts: group.attempts, logger: this.parts.logger };
    let errors: ReadonlyMap<number, unknown> | undefined;
    let thrown: unknown;
    try {
      errors = failuresByIndex(
        await group.handler.batch(group.events, context),
        group.events.length,
      );
    } catch (error) {
      thrown = error;
    }
    group.events.forEach((event, position) => {
      const index = group.indexes[position] as number;
      if (errors === undefined) this.failed(index, event, name, thrown);
      else if (errors.has(position)) this.failed(index, event, name, errors.get(position));
      else this.succeeded(index, event);
    });
  }

  /** After the abort a return proves nothing: a wait that was cut short may have ended the handler. */
  private succeeded(index: number, event: E): void {
    if (!this.signal.aborted) this.verdicts.done(index, event);
  }

  private failed(index: number, event: E, handler: string, thrown: unknown): void {
    if (this.signal.aborted) return;
    const { codec, retryPolicy, random, logger } = this.parts;
    const attempt = (this.lease.deliveries[index]?.attempts ?? 0) + 1;
    const { error, ...decided } = failureOutcome(thrown, attempt, retryPolicy, random.next());
    const exception: SettleException =
      decided.outcome === 'retry' ? { index, ...decided } : { index, ...decided, error, handler };
    const sample = { eventId: codec.idOf(event), type: codec.typeOf(event), attempt, error };
    this.verdicts.failed(exception, sample);
    if (this.debug) logger.debug({ ...sample, ...decided, err: thrown }, 'the handler failed');
  }

  private undecodable(index: number, delivery: Delivery, thrown: unknown): void {
    const error = errorText(thrown);
    this.verdicts.failed(
      { index, outcome: 'dead', reason: 'undecodable', error, handler: '' },
      { eventId: '', type: '', attempt: delivery.attempts + 1, error },
    );
  }

  private async giveTurn(): Promise<void> {
    await nextTurn();
    this.lastTurn = this.parts.clock.monotonic();
  }
}

class NoHandlerError extends Error {
  readonly permanent = true;
  constructor(type: string) {
    super(`no handler for events of type ${type}, and no default one`);
  }
}

function isThenable(value: unknown): value is PromiseLike<void> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  );
}

/** Throws for an answer that does not say which events failed: then all of them count as failed. */
function failuresByIndex(returned: BatchResult, size: number): ReadonlyMap<number, unknown> {
  const errors = new Map<number, unknown>();
  if (returned === undefined || returned === null) return errors;
  if (!Array.isArray(returned)) {
    throw new TypeError('the batch handler returned neither nothing nor a list of failures');
  }
  for (const failure of returned as readonly Partial<HandlerFailure>[]) {
    const index = failure?.index;
    if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= size) {
      throw new RangeError(
        `the batch handler named a failure without an index from 0 to ${size - 1}`,
      );
    }
    if (!errors.has(index)) errors.set(index, failure.error);
  }
  return errors;
}
