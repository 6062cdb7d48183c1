import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Delivery, Lease } from '@event-pipeline/queue';
import type { TracedSpan } from '@event-pipeline/telemetry';
import { batchCalls, failuresByIndex, isFresh, type GroupMember } from './batch-group';
import { CallVerdicts, type Call, type CallVerdictsParts } from './call-verdicts';
import type { BatchHandler, BatchResult, HandlerContext, SingleHandler } from './event-handler';
import type { Admission } from './handler-breaker';
import { HandlerCalls } from './handler-calls';
import type { HandlerEntry, HandlerTable } from './handler-table';
import type { LeaseOutcome } from './lease-outcome';

/** What every run of a consumer shares. */
export interface LeaseRunParts<E> extends CallVerdictsParts<E> {
  readonly handlers: HandlerTable<E>;
}

/** Which lease is run, and until when. */
export interface LeaseToRun {
  readonly lease: Lease;
  /** Whether it is one event that may be what ends workers: it runs even where its handler is paused. */
  readonly isolated: boolean;
  readonly stopping: AbortSignal;
  /** Aborts when the lease is lost or the grace is over. */
  readonly signal: AbortSignal;
  /** Where it is traced. */
  readonly span?: TracedSpan | undefined;
}

/**
 * Longest stretch of handlers that never wait, before timers and sockets get a turn: else a slow
 * synchronous handler would keep the lease from being extended.
 */
const MAX_STRETCH_MS = 20;

/**
 * Takes the events of one lease through their handlers. Single-form handlers run one event after
 * another, in the order of the lease; then each batch-form handler gets its events.
 *
 * Once `stopping` or `signal` aborts, no further event is started.
 */
export class LeaseRun<E> {
  private readonly verdicts: CallVerdicts<E>;
  private readonly groups = new Map<HandlerEntry<E>, GroupMember<E>[]>();
  private readonly calls: HandlerCalls<E>;
  private readonly debug: boolean;
  private readonly trace: { readonly traceparent?: string };
  private context: HandlerContext;
  private lastTurn: number;
  /** Read once a call, for the end of the last and the begin of the next. */
  private now: number;

  constructor(
    private readonly parts: LeaseRunParts<E>,
    private readonly work: LeaseToRun,
  ) {
    this.verdicts = new CallVerdicts(parts, work.lease, work.signal);
    this.debug = parts.logger.isDebug();
    this.calls = new HandlerCalls(parts.handlers.watch, work.signal);
    const { span } = work;
    this.trace = span === undefined ? {} : { traceparent: span.traceparent };
    this.context = { signal: this.calls.signal, attempt: 1, logger: parts.logger, ...this.trace };
    this.now = this.lastTurn = parts.clock.monotonic();
  }

  /** Resolves when no handler runs any more that is waited for. Never rejects. */
  async run(): Promise<void> {
    let index = 0;
    for (const delivery of this.work.lease.deliveries) {
      if (this.isOver()) break;
      const waiting = this.handle(index++, delivery);
      if (waiting !== undefined) await waiting;
      this.now = this.parts.clock.monotonic();
      if (this.isTurnDue()) await this.giveTurn();
    }
    for (const [entry, members] of this.groups) {
      const { call, retryPolicy } = entry;
      if (call.form !== 'batch') continue;
      for (const together of batchCalls(members, retryPolicy.maxAttempts)) {
        await this.handleBatch(entry, call.batch, together);
      }
    }
  }

  /** To be called when nothing of the run is waited for any more. */
  close(): void {
    this.calls.close();
  }

  /** What became of the events, as it stands now; those without a verdict are given back. */
  outcome(): LeaseOutcome<E> {
    return this.verdicts.outcome();
  }

  private isOver(): boolean {
    return this.work.stopping.aborted || this.work.signal.aborted;
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
      this.verdicts.undecodable(index, delivery, thrown);
      return undefined;
    }
    const member = { index, event, attempt: delivery.attempts + 1 };
    const entry = handlers.entryFor(type);
    if (entry === undefined) {
      this.verdicts.unhandled(member, type);
      return undefined;
    }
    if (entry.call.form === 'single') return this.handleSingle(entry, entry.call.handle, member);
    const members = this.groups.get(entry);
    if (members === undefined) this.groups.set(entry, [member]);
    else members.push(member);
    return undefined;
  }

  private handleSingle(
    entry: HandlerEntry<E>,
    handle: SingleHandler<E>,
    member: GroupMember<E>,
  ): Promise<void> | undefined {
    const admission = this.admit(entry, isFresh(member));
    if (admission === 'defer') {
      this.verdicts.deferred(entry, [member]);
      return undefined;
    }
    if (this.debug) this.logStart(member.event);
    const call = { entry, admission, startedAt: this.now };
    try {
      const returned = handle(member.event, this.contextFor(member.attempt));
      if (!isThenable(returned)) {
        this.verdicts.succeeded(call, member);
        return undefined;
      }
      return this.calls.limited(
        call,
        returned,
        () => this.verdicts.succeeded(call, member),
        (thrown: unknown) => this.verdicts.threw(call, [member], thrown),
      );
    } catch (thrown) {
      this.verdicts.threw(call, [member], thrown);
      return undefined;
    }
  }

  private contextFor(attempt: number): HandlerContext {
    const { signal } = this.calls;
    if (this.context.attempt !== attempt || this.context.signal !== signal) {
      this.context = { ...this.context, attempt, signal };
    }
    return this.context;
  }

  /** A paused handler gets one event to try; the others follow where that went well. */
  private async handleBatch(
    entry: HandlerEntry<E>,
    batch: BatchHandler<E>['batch'],
    members: readonly GroupMember<E>[],
  ): Promise<void> {
    if (this.isOver()) return;
    const admission = this.admit(entry, members.some(isFresh));
    if (admission === 'defer') return this.verdicts.deferred(entry, members);
    if (admission === 'run') return this.callBatch(entry, batch, members, admission);
    const probe = members.find(isFresh) ?? members[0];
    if (probe !== undefined) await this.callBatch(entry, batch, [probe], admission);
    const others = members.filter((member) => member !== probe);
    if (others.length > 0) await this.handleBatch(entry, batch, others);
  }

  private async callBatch(
    entry: HandlerEntry<E>,
    batch: BatchHandler<E>['batch'],
    members: readonly GroupMember<E>[],
    admission: Admission,
  ): Promise<void> {
    const { clock, logger } = this.parts;
    const events: E[] = [];
    const attempts: number[] = [];
    for (const { event, attempt } of members) {
      events.push(event);
      attempts.push(attempt);
    }
    if (this.debug) for (const event of events) this.logStart(event);
    const call = { entry, admission, startedAt: this.now };
    const context = { signal: this.calls.signal, attempts, logger, ...this.trace };
    try {
      const returned = batch(events, context);
      if (isThenable(returned)) {
        await this.calls.limited(
          call,
          returned,
          (answer) => this.answered(call, members, answer),
          (thrown) => this.verdicts.threw(call, members, thrown),
        );
      } else {
        this.answered(call, members, returned);
      }
    } catch (thrown) {
      this.verdicts.threw(call, members, thrown);
    }
    this.now = clock.monotonic();
    if (this.isTurnDue()) await this.giveTurn();
  }

  private answered(call: Call<E>, members: readonly GroupMember<E>[], answer: BatchResult): void {
    let errors: ReadonlyMap<number, unknown>;
    try {
      errors = failuresByIndex(answer, members.length);
    } catch (thrown) {
      return this.verdicts.threw(call, members, thrown);
    }
    this.verdicts.answered(call, members, errors);
  }

  private admit(entry: HandlerEntry<E>, fresh: boolean): Admission {
    return this.work.isolated ? 'run' : entry.admit(fresh);
  }

  private logStart(event: E): void {
    const { codec, logger } = this.parts;
    logger.debug({}, `Processing event: ${codec.idOf(event)} of type ${codec.typeOf(event)}`);
  }

  private isTurnDue(): boolean {
    return this.now - this.lastTurn >= MAX_STRETCH_MS;
  }

  private async giveTurn(): Promise<void> {
    await nextTurn();
    this.now = this.lastTurn = this.parts.clock.monotonic();
  }
}

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  );
}
