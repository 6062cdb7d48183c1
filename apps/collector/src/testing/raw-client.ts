import { once } from 'node:events';
import {
  Client,
  credentials,
  type ChannelCredentials,
  Metadata,
  type ClientDuplexStream,
  type ClientWritableStream,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js';
import {
  decodeStatusDetails,
  Event,
  PublishEventsRequest,
  PublishEventsResponse,
  STATUS_DETAILS_KEY,
  StreamSummary,
  type StatusDetails,
} from '@event-pipeline/contracts';

export type Answer<T> =
  | { readonly response: T; readonly error: undefined }
  | { readonly response: undefined; readonly error: ServiceError; readonly details: StatusDetails };

/** A PublishEventStream call, seen from outside. */
export interface OpenPublishStream {
  readonly call: ClientDuplexStream<Buffer, PublishEventsResponse>;
  /** Grows while the stream goes on. */
  readonly answers: PublishEventsResponse[];
  /** How it ended, with what the trailer says. */
  readonly status: Promise<StatusObject & StatusDetails>;
}

const identity = (bytes: Buffer): Buffer => bytes;

/** A client that sends whatever bytes it is given, as no generated one would. */
export class RawClient {
  private readonly client: Client;

  /** @param metadata of each of its calls */
  constructor(
    address: string,
    by: ChannelCredentials = credentials.createInsecure(),
    private readonly metadata = new Metadata(),
  ) {
    this.client = new Client(address, by, {
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  close(): void {
    this.client.close();
  }

  openStream(): { call: ClientWritableStream<Buffer>; answer: Promise<Answer<StreamSummary>> } {
    let settle: (answer: Answer<StreamSummary>) => void;
    const answer = new Promise<Answer<StreamSummary>>((resolve) => {
      settle = resolve;
    });
    const call = this.client.makeClientStreamRequest(
      '/event.EventService/StreamEvents',
      identity,
      (bytes) => StreamSummary.decode(bytes),
      this.metadata,
      (error, response) => settle(toAnswer(error, response)),
    );
    return { call, answer };
  }

  async stream(messages: Iterable<Buffer>): Promise<Answer<StreamSummary>> {
    const { call, answer } = this.openStream();
    let over = false;
    void answer.then(() => {
      over = true;
    });
    for (const message of messages) {
      if (over) break;
      if (!call.write(message)) await Promise.race([once(call, 'drain'), answer]);
    }
    call.end();
    return answer;
  }

  openPublishStream(): OpenPublishStream {
    const call = this.client.makeBidiStreamRequest(
      '/event.EventService/PublishEventStream',
      identity,
      (bytes) => PublishEventsResponse.decode(bytes),
      this.metadata,
    );
    const answers: PublishEventsResponse[] = [];
    call.on('data', (answer: PublishEventsResponse) => answers.push(answer));
    call.on('error', () => undefined);
    const status = new Promise<StatusObject & StatusDetails>((resolve) => {
      call.on('status', (end: StatusObject) => resolve({ ...end, ...detailsOf(end) }));
    });
    return { call, answers, status };
  }

  publish(request: Buffer): Promise<Answer<PublishEventsResponse>> {
    return new Promise((resolve) => {
      this.client.makeUnaryRequest(
        '/event.EventService/PublishEvents',
        identity,
        (bytes) => PublishEventsResponse.decode(bytes),
        request,
        this.metadata,
        (error, response) => resolve(toAnswer(error, response)),
      );
    });
  }
}

function detailsOf({ metadata }: Pick<StatusObject, 'metadata'>): StatusDetails {
  const [bytes] = metadata.get(STATUS_DETAILS_KEY);
  return Buffer.isBuffer(bytes) ? decodeStatusDetails(bytes) : {};
}

function toAnswer<T>(error: ServiceError | null, response: T | undefined): Answer<T> {
  if (error) {
    return { response: undefined, error, details: detailsOf(error) };
  }
  if (response === undefined) throw new Error('neither an answer nor an error');
  return { response, error: undefined };
}

let serial = 0;

/** A valid event; each has its own id. */
export function validEvent(more: Partial<Event> = {}): Event {
  serial += 1;
  return Event.fromPartial({
    eventId: `00000000-0000-4000-8000-${String(serial).padStart(12, '0')}`,
    type: 'page_view',
    timestamp: Date.UTC(2026, 0, 1),
    ...more,
  });
}

export const encodeEvent = (event: Event): Buffer => Buffer.from(Event.encode(event).finish());

export const encodeRequest = (request: Partial<PublishEventsRequest>): Buffer =>
  Buffer.from(PublishEventsRequest.encode(PublishEventsRequest.fromPartial(request)).finish());
