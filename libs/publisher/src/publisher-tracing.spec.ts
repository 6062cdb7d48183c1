import { PublishEventsRequest } from '@event-pipeline/contracts';
import { BatchEncoder, measureEvent } from './batch-encoder';
import type { PublishableEvent } from './publishable-event';

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/** The attributes that go over the wire. */
function attributesOf(given: Partial<PublishableEvent>, traceparent?: () => string | undefined) {
  const defaults = { now: () => 1, newId: () => 'made', traceparent };
  const measured = measureEvent({ type: 'a', ...given }, defaults);
  const encoder = new BatchEncoder('b');
  encoder.add(measured);
  const bytes = encoder.finish();
  const [event] = PublishEventsRequest.decode(bytes).events;
  return event!.attributes;
}

describe('an event that is published within a span', () => {
  const span = () => TRACEPARENT;

  it('bears its traceparent beside the attributes that it has', () => {
    expect(attributesOf({}, span)).toEqual(new Map([['traceparent', TRACEPARENT]]));
    const expected = new Map([
      ['tenant', 'a'],
      ['traceparent', TRACEPARENT],
    ]);
    expect(attributesOf({ attributes: { tenant: 'a' } }, span)).toEqual(expected);
    expect(attributesOf({ attributes: new Map([['tenant', 'a']]) }, span)).toEqual(expected);
  });

  it('keeps the one that it was given', () => {
    const attributes = { traceparent: 'of its own' };
    expect(attributesOf({ attributes }, span)).toEqual(new Map(Object.entries(attributes)));
  });

  it('does not change what the caller gave', () => {
    const attributes = new Map([['tenant', 'a']]);
    attributesOf({ attributes }, span);
    expect([...attributes.keys()]).toEqual(['tenant']);
  });

  it('bears none where there is no span', () => {
    expect(attributesOf({}, () => undefined)).toEqual(new Map());
    expect(attributesOf({})).toEqual(new Map());
  });
});
