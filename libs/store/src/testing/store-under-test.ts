import { randomUUID } from 'node:crypto';
import type { SameContent } from '../content';
import type { EventStore, StorableEvent } from '../event-store';

export interface StoreUnderTest {
  readonly store: EventStore;
  /** Another user of the same store, as another process would be; closed by dispose. */
  openAnother(): Promise<EventStore>;
  /** The stored text of an event, read past the store as any tool would. */
  bodyOf(id: string): Promise<string | undefined>;
  /** A member of an event's data, as text, asked with the database's own `->>`. */
  dataMember(id: string, name: string): Promise<string | null | undefined>;
  /** As if so much time had passed since all that is there was received and stored. */
  grownOlder(ms: number): Promise<void>;
  /** How many events are stored. */
  count(): Promise<number>;
  /** Closes everything and removes what was stored. */
  dispose(): Promise<void>;
}

export type CreateStoreUnderTest = (options?: {
  /** Default: the same text. */
  readonly sameContent?: SameContent;
}) => Promise<StoreUnderTest>;

/** Runs a test body against an empty store and cleans up. */
export function withStore(
  create: CreateStoreUnderTest,
  body: (context: StoreUnderTest) => Promise<void>,
  options?: { readonly sameContent?: SameContent },
): () => Promise<void> {
  return async () => {
    const context = await create(options);
    try {
      await body(context);
    } finally {
      await context.dispose();
    }
  };
}

export const RECEIVED_AT = Date.UTC(2025, 5, 1, 12);

/** An event as the collector queues it; `data` is JSON text. */
export function storable(
  more: { id?: string; type?: string; receivedAt?: number; data?: string; body?: string } = {},
): StorableEvent {
  const { id = randomUUID(), type = 'test.event', receivedAt = RECEIVED_AT, data = '{}' } = more;
  const timestamp = receivedAt - 1_000;
  const body =
    more.body ??
    `{"eventId":"${id}","type":"${type}","timestamp":${timestamp},"receivedAt":${receivedAt},"data":${data}}`;
  return { id, type, timestamp, receivedAt, body };
}

/** Events that differ in their ids. */
export function storables(
  count: number,
  more: Parameters<typeof storable>[0] = {},
): StorableEvent[] {
  return Array.from({ length: count }, () => storable(more));
}

/** An event of which no engine can keep the text: it is no JSON. */
export function unstorable(id: string = randomUUID()): StorableEvent {
  return storable({ id, body: `{"eventId":"${id}","data":{` });
}
