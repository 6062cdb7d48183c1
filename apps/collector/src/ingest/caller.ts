import type { EventOrigin } from './event-origin';

/** Who makes a call, as far as the ingest path needs to know. */
export interface Caller {
  readonly origin: EventOrigin;
  /** Undefined: as much as comes. */
  readonly quota: CallerQuota | undefined;
}

/** How much a caller may send in a second. */
export interface CallerQuota {
  /**
   * Resolves when events and bytes are within the quota.
   *
   * @throws PipelineError QUOTA_EXCEEDED where they are not for so long
   */
  take(events: number, bytes: number, patienceMs: number): Promise<void>;
}
