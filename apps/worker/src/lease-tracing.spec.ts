import { Event, encodeStoredEvent } from '@event-pipeline/contracts';
import { sampledTraceparents } from './lease-tracing';

const traceparent = (n: number, flags = '01') =>
  `00-${String(n).padStart(32, '1')}-${String(n).padStart(16, '2')}-${flags}`;

function body(received: string, attribute?: string, data = ''): string {
  const attributes = new Map(attribute === undefined ? [] : [['traceparent', attribute]]);
  const event = Event.fromPartial({ eventId: 'a', type: 'b', timestamp: 1, attributes });
  return encodeStoredEvent({ ...event, data: Buffer.from(data) }, 2, received);
}

const deliveries = (...bodies: string[]) => ({
  deliveries: bodies.map((each) => ({ body: each, attempts: 0, crashes: 0, firstFailureAt: 0 })),
});

describe('the traceparents of a lease', () => {
  it('are those of the collector, or else of the events, each once, in their order', () => {
    const lease = deliveries(
      body(''),
      body(traceparent(1), traceparent(2)),
      body(traceparent(1)),
      body('', traceparent(3)),
      body('', traceparent(4, '00')),
      body(traceparent(1)),
      'not an event',
    );
    expect(sampledTraceparents(lease, 10)).toEqual([traceparent(1), traceparent(3)]);
  });

  it('are not read from texts in the data of an event', () => {
    const data = JSON.stringify({ note: `"traceparent":"${traceparent(1)}"` });
    expect(sampledTraceparents(deliveries(body('', undefined, data)), 10)).toEqual([]);
  });

  it('are no more than are wanted, and not looked for without end', () => {
    const many = Array.from({ length: 100 }, (_, i) => body(traceparent(i + 1)));
    expect(sampledTraceparents(deliveries(...many), 3)).toHaveLength(3);
    const unsampled = Array.from({ length: 100 }, (_, i) => body('', traceparent(i + 1, '00')));
    expect(sampledTraceparents(deliveries(...unsampled, body(traceparent(1))), 3)).toEqual([]);
  });
});
