import {
  Event,
  PublishEventsRequest,
  PublishEventsResponse,
  RejectionCode,
  StreamSummary,
} from '.';
import { goldenBytes } from './testdata/golden-bytes';

const EVENT_ID = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';
const BATCH_ID = '0a1b2c3d-0000-4000-8000-000000000001';

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

function golden<T>(hex: string, codec: Codec<T>, message: T) {
  return {
    hex,
    message,
    decoded: codec.decode(Buffer.from(hex, 'hex')),
    encoded: Buffer.from(codec.encode(message).finish()).toString('hex'),
  };
}

describe('the bytes on the wire', () => {
  it.each([
    [
      'an event of the first clients',
      golden(
        goldenBytes.seedEvent,
        Event,
        Event.fromPartial({ eventId: EVENT_ID, type: 'user_login', timestamp: 1692025200000 }),
      ),
    ],
    [
      'an event with every field',
      golden(
        goldenBytes.fullEvent,
        Event,
        Event.fromPartial({
          eventId: EVENT_ID,
          type: 'order.placed',
          timestamp: 1692025200000,
          data: Buffer.from('{"a":1}'),
          dataContentType: 'application/json',
          attributes: new Map([['__proto__', 'x']]),
          source: 'shop',
          partitionKey: 'user-1',
          schemaVersion: '2',
        }),
      ),
    ],
    [
      'a summary of the first servers',
      golden(goldenBytes.seedSummary, StreamSummary, StreamSummary.fromPartial({ success: true })),
    ],
    [
      'a summary with a rejection',
      golden(
        goldenBytes.summaryWithRejection,
        StreamSummary,
        StreamSummary.fromPartial({
          received: 3,
          accepted: 2,
          rejected: 1,
          rejections: [
            {
              index: 1,
              eventId: 'abc',
              code: RejectionCode.REJECTION_CODE_INVALID_EVENT_ID,
              message: 'event_id is "abc"; expected a UUID',
            },
          ],
        }),
      ),
    ],
    [
      'a batch',
      golden(
        goldenBytes.batchRequest,
        PublishEventsRequest,
        PublishEventsRequest.fromPartial({
          batchId: BATCH_ID,
          events: [{ eventId: EVENT_ID, type: 'a', timestamp: 1 }],
        }),
      ),
    ],
    [
      'the answer to a batch',
      golden(
        goldenBytes.batchResponse,
        PublishEventsResponse,
        PublishEventsResponse.fromPartial({
          batchId: BATCH_ID,
          accepted: 2,
          rejections: [{ code: RejectionCode.REJECTION_CODE_FIELD_TOO_LONG }],
          duplicate: true,
        }),
      ),
    ],
  ])('of %s are what they always were', (_, { hex, message, decoded, encoded }) => {
    expect(decoded).toEqual(message);
    expect(encoded).toBe(hex);
  });
});
