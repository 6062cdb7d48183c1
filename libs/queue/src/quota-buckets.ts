/** How much a principal may send in a second; 0: without limit. */
export interface QuotaRates {
  readonly events: number;
  readonly bytes: number;
}

export interface QuotaAmount {
  readonly events: number;
  readonly bytes: number;
}

export interface QuotaGrant extends QuotaAmount {
  /** Where it is less than was wanted: when it is worth asking again, ms. */
  readonly waitMs: number;
}

/**
 * What a bucket holds at most: what its rate gives in this time, ms. So much more than its rate may go
 * through after a rest.
 */
export const QUOTA_BURST_MS = 200;

/**
 * The quotas of principals: two buckets for each, of events and of bytes, that fill at their rates.
 * Whoever uses the same queue takes from the same buckets.
 */
export interface QuotaBuckets {
  /**
   * Takes at most what is there, perhaps nothing. Whole amounts.
   *
   * @param name of the principal: letters, digits, `_`, `.` and `-`
   * @throws PipelineError QUEUE_UNAVAILABLE
   */
  take(name: string, rates: QuotaRates, wanted: QuotaAmount): Promise<QuotaGrant>;
  close(): Promise<void>;
}
