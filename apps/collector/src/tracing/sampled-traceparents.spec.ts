import { randomUUID } from 'node:crypto';
import { Event, PublishEventsRequest } from '@event-pipeline/contracts';
import { sampledTraceparents } from './sampled-traceparents';

const traceparent = (n: number, flags = '01') =>
  `00-${String(n).padStart(32, '1')}-${String(n).padStart(16, '2')}-${flags}`;

function request(attributes: readonly (readonly [string, string])[][]): Uint8Array {
  const events = attributes.map((members) =>
    Event.fromPartial({
      eventId: randomUUID(),
      type: 'a',
      timestamp: 1,
      attributes: new Map(members),
      data: Buffer.from('{"traceparent":"00-1"}'),
    }),
  );
  return PublishEventsRequest.encode({ batchId: randomUUID(), events }).finish();
}

describe('the traceparents of a request', () => {
  it('are those of its sampled events, each once, in their order', () => {
    const bytes = request([
      [],
      [['traceparent', traceparent(1)]],
      [
        ['tenant', 'a'],
        ['traceparent', traceparent(2)],
      ],
      [['traceparent', traceparent(3, '00')]],
      [['traceparent', traceparent(1)]],
      [['traceparent', 'not one']],
      [['tracestate', traceparent(4)]],
    ]);
    expect(sampledTraceparents(bytes, 10)).toEqual([traceparent(1), traceparent(2)]);
  });

  it('are found in bytes that stand within others, and only in these', () => {
    const [outer, inner] = [traceparent(1), traceparent(2)].map((text) =>
      request([[['traceparent', text]]]),
    );
    const all = Buffer.concat([outer!, inner!, outer!]);
    const place = all.subarray(outer!.length, outer!.length + inner!.length);
    expect(sampledTraceparents(place, 10)).toEqual([traceparent(2)]);
  });

  it('are no more than are wanted', () => {
    const bytes = request(
      Array.from({ length: 100 }, (_, i) => [['traceparent', traceparent(i + 1)]]),
    );
    expect(sampledTraceparents(bytes, 3)).toEqual([1, 2, 3].map((n) => traceparent(n)));
  });

  it('are not looked for without end among those that are not sampled', () => {
    const unsampled = Array.from({ length: 100 }, (_, i) => [
      ['traceparent', traceparent(i + 1, '00')] as const,
    ]);
    const late = [['traceparent', traceparent(500)] as const];
    expect(sampledTraceparents(request([...unsampled, late]), 3)).toEqual([]);
    expect(sampledTraceparents(request([...unsampled.slice(0, 5), late]), 3)).toHaveLength(1);
  });

  it('are none where an entry is cut off', () => {
    const bytes = request([[['traceparent', traceparent(1)]]]);
    const from = Buffer.from(bytes).indexOf('traceparent');
    expect(sampledTraceparents(bytes.subarray(0, from + 30), 3)).toEqual([]);
  });
});
