import { Metadata, status, type Client, type StatusObject } from '@grpc/grpc-js';
import { EventServiceService, type PublishEventsResponse } from '@event-pipeline/contracts';
import type { PublishMethod } from './publish-method';

/** What a call tells. After `onEnd` it tells nothing more. */
export interface CallListener {
  onAnswer(response: PublishEventsResponse): void;
  /** Something may be written again. */
  onWritable(): void;
  onEnd(status: StatusObject): void;
}

/** A way of sending requests, as bytes, and getting an answer to each one in their order. */
export interface BatchCall {
  /** Whether something may be written now: what is beyond that lies in a buffer. */
  readonly isWritable: boolean;
  write(request: Buffer): void;
  /** Nothing more will be written; answers may still come. */
  end(): void;
  cancel(): void;
}

/** Requests that may be without an answer at once, of each method. */
export const MAX_UNANSWERED: Readonly<Record<PublishMethod, number>> = { stream: 32, unary: 1 };

/** @param metadata asked for once for each call that is made */
export function openCall(
  method: PublishMethod,
  client: Client,
  listener: CallListener,
  metadata: () => Metadata,
): BatchCall {
  return method === 'stream'
    ? new StreamCall(client, listener, metadata())
    : new UnaryCalls(client, listener, metadata);
}

const asIs = (request: Buffer) => request;

/** PublishEventStream: many requests on their way at once. */
class StreamCall implements BatchCall {
  readonly #call;

  constructor(client: Client, listener: CallListener, metadata: Metadata) {
    const { path, responseDeserialize } = EventServiceService.publishEventStream;
    this.#call = client.makeBidiStreamRequest(path, asIs, responseDeserialize, metadata);
    this.#call.on('data', (response: PublishEventsResponse) => listener.onAnswer(response));
    this.#call.on('drain', () => listener.onWritable());
    // 'status' tells the same.
    this.#call.on('error', () => undefined);
    this.#call.on('status', (end: StatusObject) => listener.onEnd(end));
  }

  get isWritable(): boolean {
    return !this.#call.writableNeedDrain;
  }

  write(request: Buffer): void {
    this.#call.write(request);
  }

  end(): void {
    this.#call.end();
  }

  cancel(): void {
    this.#call.cancel();
  }
}

/** PublishEvents, one request at a time. */
class UnaryCalls implements BatchCall {
  readonly #client: Client;
  readonly #listener: CallListener;
  readonly #metadata: () => Metadata;
  #call: { cancel(): void } | undefined;
  #ended = false;

  constructor(client: Client, listener: CallListener, metadata: () => Metadata) {
    this.#client = client;
    this.#listener = listener;
    this.#metadata = metadata;
  }

  get isWritable(): boolean {
    return this.#call === undefined;
  }

  write(request: Buffer): void {
    const { path, responseDeserialize } = EventServiceService.publishEvents;
    this.#call = this.#client.makeUnaryRequest(
      path,
      asIs,
      responseDeserialize,
      request,
      this.#metadata(),
      (error, response) => {
        this.#call = undefined;
        if (error) return this.#listener.onEnd(error);
        if (response) this.#listener.onAnswer(response);
        if (this.#ended) this.#finish();
        else this.#listener.onWritable();
      },
    );
  }

  end(): void {
    this.#ended = true;
    if (this.#call === undefined) queueMicrotask(() => this.#finish());
  }

  cancel(): void {
    if (this.#call !== undefined) this.#call.cancel();
    else if (this.#ended) this.#finish();
  }

  #finish(): void {
    this.#listener.onEnd({ code: status.OK, details: '', metadata: new Metadata() });
  }
}
