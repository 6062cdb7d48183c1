import {
  Metadata,
  Server,
  ServerCredentials,
  status,
  type ServerDuplexStream,
  type ServerReadableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import {
  EventServiceService,
  STATUS_DETAILS_KEY,
  encodeStatusDetails,
  type Event,
  type EventServiceServer,
  type PublishEventsRequest,
  type PublishEventsResponse,
  type StatusDetails,
  type StreamSummary,
} from '@event-pipeline/contracts';

export type StreamHandler = (
  call: ServerReadableStream<Event, StreamSummary>,
  answer: sendUnaryData<StreamSummary>,
) => void;

export type BatchStreamHandler = (
  call: ServerDuplexStream<PublishEventsRequest, PublishEventsResponse>,
) => void;

export type UnaryHandler = (
  request: PublishEventsRequest,
  answer: sendUnaryData<PublishEventsResponse>,
) => void;

export interface CollectorScript {
  readonly streams?: readonly StreamHandler[];
  readonly batchStreams?: readonly BatchStreamHandler[];
  readonly requests?: readonly UnaryHandler[];
}

/**
 * A real gRPC server that does what a test says: its n-th call is served by the n-th handler, and
 * every later one by the default, which accepts everything.
 */
export class ScriptedCollector {
  /** The events of each stream, in the order of the calls; grows while a stream goes on. */
  readonly streams: Event[][] = [];
  /** The batches of each stream of batches, in the order of the calls. */
  readonly batchStreams: PublishEventsRequest[][] = [];
  readonly requests: PublishEventsRequest[] = [];
  /** The authorization metadata of each call, in their order; empty where there was none. */
  readonly authorizations: string[] = [];
  /** The connections that streams came over. */
  readonly peers = new Set<string>();
  readonly #streamScript: StreamHandler[];
  readonly #batchScript: BatchStreamHandler[];
  readonly #unaryScript: UnaryHandler[];
  #server: Server | undefined;
  #port = 0;

  constructor(script: CollectorScript = {}) {
    this.#streamScript = [...(script.streams ?? [])];
    this.#batchScript = [...(script.batchStreams ?? [])];
    this.#unaryScript = [...(script.requests ?? [])];
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Every event that arrived, in order, those sent again included. */
  get received(): Event[] {
    const batches = [...this.batchStreams.flat(), ...this.requests];
    return [...this.streams.flat(), ...batches.flatMap(({ events }) => events)];
  }

  /** Listens: on a free port the first time, on the same one after a stop. */
  async start(): Promise<this> {
    const server = new Server();
    server.addService(EventServiceService, this.#service());
    this.#server = server;
    this.#port = await new Promise<number>((resolve, reject) => {
      const credentials = ServerCredentials.createInsecure();
      server.bindAsync(`127.0.0.1:${this.#port}`, credentials, (error, port) => {
        if (error) reject(error);
        else resolve(port);
      });
    });
    return this;
  }

  /** Cuts every connection, as a killed process does. */
  stop(): void {
    this.#server?.forceShutdown();
  }

  #noteToken(metadata: Metadata): void {
    this.authorizations.push(metadata.get('authorization').join('|'));
  }

  #service(): EventServiceServer {
    return {
      streamEvents: (call, answer) => {
        const received: Event[] = [];
        this.streams.push(received);
        this.#noteToken(call.metadata);
        this.peers.add(call.getPeer());
        call.on('data', (event: Event) => received.push(event));
        call.on('error', () => undefined);
        const handler = this.#streamScript.shift() ?? acceptStream;
        handler(call, answer);
      },
      publishEvents: ({ request, metadata }, answer) => {
        this.#noteToken(metadata);
        this.requests.push(request);
        const handler = this.#unaryScript.shift() ?? acceptRequest;
        handler(request, answer);
      },
      publishEventStream: (call) => {
        const received: PublishEventsRequest[] = [];
        this.batchStreams.push(received);
        this.#noteToken(call.metadata);
        this.peers.add(call.getPeer());
        call.on('data', (request: PublishEventsRequest) => received.push(request));
        call.on('error', () => undefined);
        const handler = this.#batchScript.shift() ?? acceptBatches;
        handler(call);
      },
    };
  }
}

/** What a summary says where nothing else is given. */
export function summaryOf(counts: Partial<StreamSummary>): StreamSummary {
  const accepted = counts.accepted ?? 0;
  const rejected = counts.rejected ?? 0;
  return {
    success: rejected === 0,
    received: accepted + rejected,
    accepted,
    rejected,
    rejections: [],
    ...counts,
  };
}

export const acceptStream: StreamHandler = (call, answer) => {
  let accepted = 0;
  call.on('data', () => (accepted += 1));
  call.on('end', () => answer(null, summaryOf({ accepted })));
};

/** The answer to a batch that is accepted as a whole. */
export function accepted({ batchId, events }: PublishEventsRequest): PublishEventsResponse {
  return { batchId, accepted: events.length, rejections: [], duplicate: false };
}

export const acceptBatches: BatchStreamHandler = (call) => {
  call.on('data', (request: PublishEventsRequest) => call.write(accepted(request)));
  call.on('end', () => call.end());
};

/**
 * Answers `answered` batches, then waits until `unanswered` more have come and ends the stream with
 * the error; a stream that has fewer ends well.
 */
export function failAfter(
  answered: number,
  unanswered: number,
  error: ReturnType<typeof failure>,
): BatchStreamHandler {
  return (call) => {
    let seen = 0;
    call.on('data', (request: PublishEventsRequest) => {
      seen += 1;
      if (seen <= answered) call.write(accepted(request));
      if (seen === answered + unanswered) call.emit('error', error);
    });
    call.on('end', () => call.end());
  };
}

export const acceptRequest: UnaryHandler = (request, answer) => answer(null, accepted(request));

/** A status as the collector sends it, with its details in the trailer. */
export function failure(code: status, message: string, details: StatusDetails = {}) {
  const metadata = new Metadata();
  const bytes = encodeStatusDetails(code, message, details);
  if (Object.keys(details).length > 0) metadata.set(STATUS_DETAILS_KEY, bytes);
  return { code, details: message, metadata };
}

/** Reads the stream until `count` events have come, then ends it; accepts one that ends before. */
export function endAfter(count: number, end: (answer: sendUnaryData<StreamSummary>) => void) {
  const handler: StreamHandler = (call, answer) => {
    let received = 0;
    call.on('data', () => {
      received += 1;
      if (received === count) end(answer);
    });
    call.on('end', () => {
      if (received < count) answer(null, summaryOf({ accepted: received }));
    });
  };
  return handler;
}

/** Ends a stream early, in good order, as a draining collector does. */
export function drainAfter(count: number, counts: Partial<StreamSummary> = { accepted: count }) {
  return endAfter(count, (answer) => {
    const details = { retryDelayMs: 1, summary: summaryOf({ ...counts, success: false }) };
    answer(failure(status.UNAVAILABLE, 'draining', details));
  });
}
