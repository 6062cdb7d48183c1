import type { HandlerContext } from '@event-pipeline/consumer';
import { decodeStoredEvent } from '@event-pipeline/contracts';
import { createDefaultHandler } from './default-handler';

const context = {} as HandlerContext;
const event = (type: string) =>
  decodeStoredEvent(JSON.stringify({ eventId: 'an id', type, timestamp: 1 }));

describe('the default handler', () => {
  it('counts events by type, and returns nothing that would have to be awaited', () => {
    const { handle, counts } = createDefaultHandler();
    for (const type of ['a', 'b', 'a']) expect(handle(event(type), context)).toBeUndefined();
    expect(counts()).toEqual({ a: 2, b: 1 });
  });

  it('counts types beyond a hundred together, so that senders cannot fill its memory', () => {
    const { handle, counts } = createDefaultHandler();
    for (let i = 0; i < 10_000; i++) void handle(event(`type_${i}`), context);
    void handle(event('type_7'), context);
    expect(Object.keys(counts())).toHaveLength(101);
    expect(counts()).toMatchObject({ type_7: 2, '(other types)': 9_900 });
  });
});
