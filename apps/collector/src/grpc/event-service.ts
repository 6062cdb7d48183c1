import {
  type Metadata,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleUnaryCall,
  type ServerUnaryCall,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import {
  EventServiceService,
  type PublishEventsResponse,
  type StreamSummary,
} from '@event-pipeline/contracts';
import {
  PipelineError,
  type Clock,
  type FlowBudget,
  type FlowController,
} from '@event-pipeline/runtime';
import type { CallAccess, CallerCredentials } from '../auth/call-access';
import type { Grant } from '../auth/grant';
import type { BatchIntake } from '../ingest/batch-intake';
import { callerOf, type CallTracing } from '../tracing/call-tracing';
import { EventStream, type EventStreamParts } from './event-stream';
import { PublishStream } from './publish-stream';
import { isInternal, toServiceError } from './status-mapping';

const raw = (bytes: Buffer): Buffer => bytes;

/**
 * The generated service with its requests left as bytes: grpc-js ends a whole stream when a
 * message cannot be decoded, so the collector decodes each event itself.
 */
export const rawEventService = {
  streamEvents: { ...EventServiceService.streamEvents, requestDeserialize: raw },
  publishEvents: { ...EventServiceService.publishEvents, requestDeserialize: raw },
  publishEventStream: { ...EventServiceService.publishEventStream, requestDeserialize: raw },
} satisfies ServiceDefinition;

/** A call that goes on until its client or a drain ends it. */
interface OpenStream {
  /** Stops reading, answers what was read, and ends. */
  drain(reason: PipelineError): void;
  /** Grows with what is read. */
  readonly progress: number;
}

/** What is known of an open stream beside itself. */
interface StreamNote {
  /** The connection it came by. */
  readonly peer: string;
  /** Its progress when it was looked at last, and since when it has been that. */
  progress: number;
  since: number;
  /** Undefined: nobody was asked who they are, or what it allowed has ended. */
  grant: Grant | undefined;
}

/** What is used of a call before its handler has it. */
interface EnteringCall extends CallerCredentials {
  readonly cancelled: boolean;
  readonly destroyed?: boolean;
  on(event: 'error', listener: () => void): unknown;
}

export interface EventServiceParts extends Omit<
  EventStreamParts,
  'flow' | 'origin' | 'trace' | 'stream'
> {
  readonly batches: BatchIntake;
  /** The share of the budget for events in flight that a new stream may hold. */
  readonly newStreamFlow: () => FlowBudget;
  /** The memory for the answers of streams of batches. */
  readonly answers: FlowController;
  /** Throws OVERLOADED while new calls are refused for the load of the process. */
  readonly checkLoad: () => void;
  /** Finds out who makes a call; undefined: nobody is asked. */
  readonly access?: CallAccess | undefined;
  readonly clock: Clock;
  /** Where tracing is on. */
  readonly tracing?: CallTracing | undefined;
}

/**
 * How long a client may take none of its answers while others wait for the memory that they need, ms;
 * then its stream is reset.
 */
const STUCK_LIMIT_MS = 5_000;

/** EventService: takes calls, hands them to the ingest path, and knows which are open. */
export class EventService {
  private readonly streams = new Map<OpenStream, StreamNote>();
  private readonly publishStreams = new Set<PublishStream>();
  private readonly requests = new Set<Promise<void>>();
  private draining: PipelineError | undefined;
  /** Streams since the start: by the number of one, lines about it are found together. */
  private begun = 0;

  constructor(private readonly parts: EventServiceParts) {}

  /** For Server.addService. No handler throws or rejects: grpc-js would leave the client hanging. */
  get handlers(): UntypedServiceImplementation {
    const { streamEvents, publishEvents, publishEventStream } = this;
    return { streamEvents, publishEvents, publishEventStream };
  }

  /** True from the moment it refuses new calls. */
  get isDraining(): boolean {
    return this.draining !== undefined;
  }

  /** Refuses new calls, ends every open one, and resolves when the last is answered. */
  async drain(): Promise<void> {
    const reason = new PipelineError('DRAINING', 'the collector is shutting down');
    this.draining = reason;
    for (const stream of this.streams.keys()) stream.drain(reason);
    await Promise.all(this.requests);
    while (this.streams.size > 0) await this.nextClosed();
  }

  private readonly streamEvents: handleClientStreamingCall<Buffer, StreamSummary> = (
    call,
    callback,
  ) => {
    const refusal = this.refusal();
    if (refusal) {
      callback(toServiceError(refusal));
      return;
    }
    const begin = this.parts.clock.monotonic();
    const take = (grant?: Grant) => {
      const stream = new EventStream(
        call,
        callback,
        {
          ...this.parts,
          flow: this.flowOf(grant),
          origin: grant?.origin,
          trace: this.parts.tracing?.stream(callerOf(call.metadata)),
          stream: ++this.begun,
        },
        (closed, isAcknowledged) => {
          if (isAcknowledged) this.acknowledged(begin);
          this.forget(closed);
        },
      );
      this.note(stream, call.getPeer(), grant);
    };
    this.admit(call, take, (error) => callback(toServiceError(error)));
  };

  private readonly publishEventStream: handleBidiStreamingCall<Buffer, PublishEventsResponse> = (
    call,
  ) => {
    const refusal = this.refusal();
    if (refusal) {
      call.emit('error', toServiceError(refusal));
      return;
    }
    const take = (grant?: Grant) => {
      const parts = {
        ...this.parts,
        flow: this.flowOf(grant),
        origin: grant?.origin,
        caller: this.callerOf(call.metadata),
        stream: ++this.begun,
      };
      const stream = new PublishStream(call, parts, (closed) => this.forget(closed));
      this.note(stream, call.getPeer(), grant);
      this.publishStreams.add(stream);
      // Not when it has ended for us: its answers may still be on their way.
      call.once('close', () => this.publishStreams.delete(stream));
    };
    this.admit(call, take, (error) => call.emit('error', toServiceError(error)));
  };

  private flowOf(grant: Grant | undefined): FlowBudget {
    const flow = this.parts.newStreamFlow();
    return grant === undefined ? flow : grant.budget(flow);
  }

  /** Lets a call in, at once where it can; or refuses it, which is counted. */
  private admit(
    call: EnteringCall,
    take: (grant?: Grant) => void,
    refuse: (error: PipelineError) => void,
  ): void {
    const { access } = this.parts;
    if (access === undefined) return take();
    let entered;
    try {
      entered = access.enter(call);
    } catch (error) {
      return refuse(this.noted(error));
    }
    if (!(entered instanceof Promise)) return take(entered);
    // A call that breaks off before its handler listens would end the process.
    call.on('error', () => undefined);
    const isOver = () => call.cancelled || call.destroyed === true;
    entered.then(
      (grant) => {
        if (isOver()) return;
        const refusal = this.refusal();
        if (refusal) refuse(refusal);
        else take(grant);
      },
      (error: unknown) => {
        const known = this.noted(error);
        if (!isOver()) refuse(known);
      },
    );
  }

  /**
   * Resets the streams whose clients take no answers, where others wait for the memory of these. To be
   * called from time to time; returns how many it has reset.
   */
  cutStuckStreams(): number {
    if (this.parts.answers.waiting === 0) return 0;
    const error = new PipelineError('OVERLOADED', 'the answers of this stream were not read');
    const before = this.parts.clock.monotonic() - STUCK_LIMIT_MS;
    const stuck = [...this.publishStreams].filter(
      ({ stuckSince }) => stuckSince !== undefined && stuckSince <= before,
    );
    for (const stream of stuck) {
      this.publishStreams.delete(stream);
      stream.cut(error);
    }
    return stuck.length;
  }

  /** Answers the streams of one connection with what is known of them, and ends them. */
  drainPeer(peer: string): void {
    const reason = new PipelineError('DRAINING', 'the connection has come to its age');
    for (const [stream, note] of this.streams) if (note.peer === peer) stream.drain(reason);
  }

  /**
   * The same for the streams that had no message since it was called `limitMs` ago or longer. To be
   * called from time to time; returns how many.
   */
  drainIdleStreams(limitMs: number): number {
    const now = this.parts.clock.monotonic();
    const reason = new PipelineError('DRAINING', 'the stream had no message for too long');
    let idle = 0;
    for (const [stream, note] of this.streams) {
      if (stream.progress !== note.progress) {
        note.progress = stream.progress;
        note.since = now;
      } else if (now - note.since > limitMs) {
        note.since = now;
        idle += 1;
        stream.drain(reason);
      }
    }
    return idle;
  }

  /**
   * The same for the streams whose callers may send no longer: a token that has expired or is no longer
   * known. To be called from time to time.
   */
  drainUngranted(): void {
    if (this.parts.access === undefined) return;
    for (const [stream, note] of this.streams) {
      const problem = note.grant?.check();
      if (problem === undefined) continue;
      note.grant = undefined;
      stream.drain(problem);
    }
  }

  private note(stream: OpenStream, peer: string, grant: Grant | undefined): void {
    this.streams.set(stream, { peer, progress: 0, since: this.parts.clock.monotonic(), grant });
  }

  /** Why a new stream cannot be taken now; counted as a call that failed. */
  private refusal(): PipelineError | undefined {
    let refusal = this.draining;
    try {
      if (!refusal) this.parts.checkLoad();
    } catch (error) {
      refusal = PipelineError.from(error);
    }
    if (refusal) this.parts.observer.failed(refusal.code);
    return refusal;
  }

  private readonly publishEvents: handleUnaryCall<Buffer, PublishEventsResponse> = (
    call,
    callback,
  ) => {
    const request = this.publish(call).then(
      (response) => callback(null, response),
      (error: unknown) => callback(toServiceError(this.noted(error))),
    );
    const settled = request.catch((error: unknown) => void this.noted(error));
    this.requests.add(settled);
    void settled.finally(() => this.requests.delete(settled));
  };

  private async publish(call: ServerUnaryCall<Buffer, unknown>): Promise<PublishEventsResponse> {
    if (this.draining) throw this.draining;
    const begin = this.parts.clock.monotonic();
    const { access, batches } = this.parts;
    const grant = access === undefined ? undefined : await access.enter(call);
    const response = await batches.publish(call.request, grant, this.callerOf(call.metadata));
    this.acknowledged(begin);
    return response;
  }

  /** Undefined also where nobody asks for it. */
  private callerOf(metadata: Metadata): string | undefined {
    return this.parts.tracing === undefined ? undefined : callerOf(metadata);
  }

  private acknowledged(begin: number): void {
    this.parts.observer.acknowledged((this.parts.clock.monotonic() - begin) / 1_000);
  }

  private noted(error: unknown): PipelineError {
    const known = PipelineError.from(error);
    this.parts.observer.failed(known.code);
    if (isInternal(known)) this.parts.onInternalError(known, { method: 'PublishEvents' });
    return known;
  }

  private forget(stream: OpenStream): void {
    this.streams.delete(stream);
    this.closed();
  }

  private closed: () => void = () => undefined;
  private nextClosed(): Promise<void> {
    return new Promise((resolve) => {
      this.closed = resolve;
    });
  }
}
