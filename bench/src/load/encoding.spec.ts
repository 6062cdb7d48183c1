import { Event, PublishEventsRequest } from '@event-pipeline/contracts';
import { benchEvents } from './bench-events';
import { EncodedBatch } from './encoded-batch';
import { grpcBody } from './grpc-frame';

describe('what is encoded before a run', () => {
  it('is framed as gRPC frames messages: no compression, length in four bytes, the message', () => {
    const body = grpcBody([Buffer.from('abc'), Buffer.alloc(0), Buffer.alloc(300, 1)]);
    expect(body.subarray(0, 8)).toEqual(Buffer.from([0, 0, 0, 0, 3, 97, 98, 99]));
    expect(body.subarray(8, 13)).toEqual(Buffer.from([0, 0, 0, 0, 0]));
    expect(body.subarray(13, 18)).toEqual(Buffer.from([0, 0, 0, 1, 44]));
    expect(body).toHaveLength(8 + 5 + 305);
  });

  it('holds every event, readable by the generated code', () => {
    const events = benchEvents(3);
    const body = grpcBody(events.map((event) => Event.encode(event).finish()));
    const ids: string[] = [];
    for (let at = 0; at < body.length;) {
      const length = body.readUInt32BE(at + 1);
      ids.push(Event.decode(body.subarray(at + 5, at + 5 + length)).eventId);
      at += 5 + length;
    }
    expect(ids).toEqual(events.map(({ eventId }) => eventId));
  });

  it('is another batch under each id, with the same events, and keeps what was given out before', () => {
    const batch = new EncodedBatch(benchEvents(2));
    const ids = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];
    const read = ids
      .map((id) => batch.withId(id))
      .map((bytes) => PublishEventsRequest.decode(bytes));
    expect(read.map(({ batchId }) => batchId)).toEqual(ids);
    expect(read[0]?.events).toEqual(read[1]?.events);
    expect(read[0]?.events.map(({ eventId }) => eventId)).toEqual(
      batch.events.map(({ eventId }) => eventId),
    );
  });
});
