import { once } from 'node:events';
import { Client, credentials, type ClientWritableStream, type ServiceError } from '@grpc/grpc-js';
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

const identity = (bytes: Buffer): Buffer => bytes;

/** A client that sends whatever bytes it is given, as no generated one would. */
export class RawClient {
  private readonly client: Client;

  constructor(address: string) {
    this.client = new Client(address, credentials.createInsecure(), {
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

  publish(request: Buffer): Promise<Answer<PublishEventsResponse>> {
    return new Promise((resolve) => {
      this.client.makeUnaryRequest(
        '/event.EventService/PublishEvents',
        identity,
        (bytes) => PublishEventsResponse.decode(bytes),
        request,
        (error, response) => resolve(toAnswer(error, response)),
      );
    });
  }
}

function toAnswer<T>(error: ServiceError | null, response: T | undefined): Answer<T> {
  if (error) {
    const [bytes] = error.metadata.get(STATUS_DETAILS_KEY);
    const details = Buffer.isBuffer(bytes) ? decodeStatusDetails(bytes) : {};
    return { response: undefined, error, details };
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
