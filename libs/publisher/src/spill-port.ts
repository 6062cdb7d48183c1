/** A batch as it lies on disk. */
export interface SpilledBatch {
  readonly id: string;
  readonly events: number;
  readonly bytes: Buffer;
}

/**
 * Where a publisher keeps batches until they are settled, so that they survive its crash. The one that
 * comes with this package is @event-pipeline/publisher/spill.
 */
export interface Spill {
  /**
   * Resolves when the batch is on disk. In order.
   *
   * @throws PublishError SPILL_FULL, SPILL_FAILED. The batch does not count as spilled then.
   */
  append(batch: SpilledBatch): Promise<void>;
  /** The batch is settled: it need not be sent again. May take effect later. Never throws. */
  done(batchId: string): void;
  /** The batches that earlier runs have left, oldest first; read as they are asked for. */
  recovered(): AsyncIterable<SpilledBatch>;
  /** Resolves when everything is on disk and no file is open. */
  close(): Promise<void>;
}
