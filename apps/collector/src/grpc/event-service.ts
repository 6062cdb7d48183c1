import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleUnaryCall,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import {
  EventServiceService,
  type PublishEventsResponse,
  type StreamSummary,
} from '@event-pipeline/contracts';
import { PipelineError, type Clock } from '@event-pipeline/runtime';
import type { BatchIntake } from '../ingest/batch-intake';
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
}

export interface EventServiceParts extends EventStreamParts {
  readonly batches: BatchIntake;
  readonly clock: Clock;
}

/** EventService: takes calls, hands them to the ingest path, and knows which are open. */
export class EventService {
  private readonly streams = new Set<OpenStream>();
  private readonly requests = new Set<Promise<void>>();
  private draining: PipelineError | undefined;

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
    for (const stream of this.streams) stream.drain(reason);
    await Promise.all(this.requests);
    while (this.streams.size > 0) await this.nextClosed();
  }

  private readonly streamEvents: handleClientStreamingCall<Buffer, StreamSummary> = (
    call,
    callback,
  ) => {
    if (this.draining) {
      this.parts.observer.failed(this.draining.code);
      callback(toServiceError(this.draining));
      return;
    }
    const begin = this.parts.clock.monotonic();
    const stream = new EventStream(call, callback, this.parts, (closed, isAcknowledged) => {
      if (isAcknowledged) this.acknowledged(begin);
      this.forget(closed);
    });
    this.streams.add(stream);
  };

  private readonly publishEventStream: handleBidiStreamingCall<Buffer, PublishEventsResponse> = (
    call,
  ) => {
    if (this.draining) {
      this.parts.observer.failed(this.draining.code);
      call.emit('error', toServiceError(this.draining));
      return;
    }
    const stream = new PublishStream(call, this.parts, (closed) => this.forget(closed));
    this.streams.add(stream);
  };

  private readonly publishEvents: handleUnaryCall<Buffer, PublishEventsResponse> = (
    call,
    callback,
  ) => {
    const request = this.publish(call.request).then(
      (response) => callback(null, response),
      (error: unknown) => callback(toServiceError(this.noted(error))),
    );
    const settled = request.catch((error: unknown) => void this.noted(error));
    this.requests.add(settled);
    void settled.finally(() => this.requests.delete(settled));
  };

  private async publish(request: Buffer): Promise<PublishEventsResponse> {
    if (this.draining) throw this.draining;
    const begin = this.parts.clock.monotonic();
    const response = await this.parts.batches.publish(request);
    this.acknowledged(begin);
    return response;
  }

  private acknowledged(begin: number): void {
    this.parts.observer.acknowledged((this.parts.clock.monotonic() - begin) / 1_000);
  }

  private noted(error: unknown): PipelineError {
    const known = PipelineError.from(error);
    this.parts.observer.failed(known.code);
    if (isInternal(known)) this.parts.onInternalError(known);
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
