import {
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
import { isInternal, toServiceError } from './status-mapping';

const raw = (bytes: Buffer): Buffer => bytes;

/**
 * The generated service with its requests left as bytes: grpc-js ends a whole stream when a
 * message cannot be decoded, so the collector decodes each event itself.
 */
export const rawEventService = {
  streamEvents: { ...EventServiceService.streamEvents, requestDeserialize: raw },
  publishEvents: { ...EventServiceService.publishEvents, requestDeserialize: raw },
} satisfies ServiceDefinition;

export interface EventServiceParts extends EventStreamParts {
  readonly batches: BatchIntake;
  readonly clock: Clock;
}

/** EventService: takes calls, hands them to the ingest path, and knows which are open. */
export class EventService {
  private readonly streams = new Set<EventStream>();
  private readonly requests = new Set<Promise<void>>();
  private draining: PipelineError | undefined;

  constructor(private readonly parts: EventServiceParts) {}

  /** For Server.addService. No handler throws or rejects: grpc-js would leave the client hanging. */
  get handlers(): UntypedServiceImplementation {
    return { streamEvents: this.streamEvents, publishEvents: this.publishEvents };
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
      this.streams.delete(closed);
      if (isAcknowledged) this.acknowledged(begin);
      this.closed();
    });
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

  private closed: () => void = () => undefined;
  private nextClosed(): Promise<void> {
    return new Promise((resolve) => {
      this.closed = resolve;
    });
  }
}
