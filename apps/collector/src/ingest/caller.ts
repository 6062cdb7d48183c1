import type { EventOrigin } from './event-origin';

/** Who makes a call, as far as the ingest path needs to know. */
export interface Caller {
  readonly origin: EventOrigin;
}
