import type { Event } from '@event-pipeline/contracts';

/** An event on its way to the collector. */
export interface OutgoingEvent {
  readonly event: Event;
  /** At least as many bytes as the event takes on the wire. */
  readonly bytes: number;
  /** What a person finds it by, from 1: its line in the file, or its number among the generated. */
  readonly position: number;
}

/** Where events come from. Taking is synchronous, so that it costs no await an event. */
export interface EventSource {
  /** How many events there will be; undefined where only the end tells. */
  readonly total: number | undefined;
  /** True once nothing more will come. */
  readonly ended: boolean;
  /**
   * The next events in order, as far as they are at hand: at most `maxEvents`, and none after those
   * that reach `maxBytes`. Empty when none is at hand: then look at `ended`, or wait.
   */
  take(maxEvents: number, maxBytes: number): readonly OutgoingEvent[];
  /** Resolves when `take` has something again or the source has ended. Never rejects. */
  whenReady(): Promise<void>;
  /** Frees what the source holds; nothing is called after it. */
  close(): void;
}

/** Tags, lengths and the timestamp of one event, generously. */
const OVERHEAD_BYTES = 64;
/** Tags and lengths of one attribute. */
const ATTRIBUTE_OVERHEAD_BYTES = 16;

/** How many bytes an event takes in a request, at most. */
export function eventBytes(event: Event): number {
  let bytes = OVERHEAD_BYTES + event.data.length;
  bytes += Buffer.byteLength(event.eventId) + Buffer.byteLength(event.type);
  if (event.dataContentType !== '') bytes += Buffer.byteLength(event.dataContentType);
  if (event.source !== '') bytes += Buffer.byteLength(event.source);
  if (event.partitionKey !== '') bytes += Buffer.byteLength(event.partitionKey);
  if (event.schemaVersion !== '') bytes += Buffer.byteLength(event.schemaVersion);
  for (const [name, value] of event.attributes) {
    bytes += ATTRIBUTE_OVERHEAD_BYTES + Buffer.byteLength(name) + Buffer.byteLength(value);
  }
  return bytes;
}
