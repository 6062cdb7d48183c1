import type { PutWatch } from './put-watch';

/**
 * The store port: where processed events are kept, each once, by its id. The contract suite in
 * testing/ holds each engine to these sentences.
 *
 * Failures are PipelineErrors: STORE_UNAVAILABLE (no answer, so the rows may or may not be stored:
 * every call can be repeated safely) and CONFIG_INVALID (the store is not what this version can use;
 * waiting does not help).
 */
export interface EventStore {
  /**
   * Stores events and resolves once they are on disk. An id that is stored already is left as it is:
   * the first content wins. An event that the store refuses for what it contains is named in the
   * answer and fails no neighbour.
   *
   * At most {@link MAX_STORED_BATCH} events; ids may repeat among them, then the first one counts.
   *
   * A put may take many statements: those that insert, more where rows are refused, and one for every
   * 32 events that are there already. Each is answered, or fails the put, within the store's time
   * limit; the whole is bounded by their number alone, so that a slow store that answers comes to an
   * end. A caller limits the silence between two calls of `onAnswer`, not the whole. What a statement
   * has stored stays stored when the put fails or is given up.
   */
  put(events: readonly StorableEvent[], watch?: PutWatch): Promise<PutResult>;

  /**
   * Deletes up to `limit` of the events that were received, and stored, longer ago than this, oldest
   * first; answers how many. The store's own clock says what the time is, and when an event was
   * stored: neither the caller's clock nor the collector's alone can be what deletes an event.
   */
  deleteOlderThan(ageMs: number, limit: number): Promise<number>;

  /** Which of these ids are stored. At most {@link MAX_STORED_BATCH}. */
  contains(ids: readonly string[]): Promise<readonly boolean[]>;

  /** What the store is and how durable, for people. Rejects while it does not answer. */
  health(): Promise<StoreHealth>;

  /** Ends connections. Safe to call twice; nothing else is called after. */
  close(): Promise<void>;
}

/** Most events in one call. */
export const MAX_STORED_BATCH = 1_000;

/** What the store knows of an event. The body holds all of it; the rest is there to find it by. */
export interface StorableEvent {
  /** A UUID in lower case. */
  readonly id: string;
  readonly type: string;
  /** When it happened, by its producer, Unix ms. */
  readonly timestamp: number;
  /** When the collector received it, Unix ms. */
  readonly receivedAt: number;
  /** Its JSON text, as it was queued. */
  readonly body: string;
}

export interface PutResult {
  /** How many were new. */
  readonly stored: number;
  /** How many were stored already, or came twice in this call, with the same content. */
  readonly duplicates: number;
  /** Positions of events whose id is stored with other content: not stored, nothing overwritten. */
  readonly conflicts: readonly number[];
  /** Events that the store refused for what they contain, in the order of their positions. */
  readonly refused: readonly RefusedEvent[];
}

export interface RefusedEvent {
  readonly index: number;
  /** Why, for people. */
  readonly error: string;
}

export interface StoreHealth {
  /** E.g. "PostgreSQL 16.2, synchronous_commit on". */
  readonly detail: string;
  /** Whether what was stored survives a power cut. */
  readonly durable: boolean;
}
