import type { FlowBudget } from '@event-pipeline/runtime';
import { EVENT_OVERHEAD_BYTES } from '../ingest/batch-parts';
import type { QuotaShare } from './quota-share';

/** How long a stream is only kept waiting for its quota, ms; then it is refused. */
const STREAM_PATIENCE_MS = 2_000;

/**
 * The budget of one stream whose sender has a quota: beside its share of what may be in flight, each
 * event or batch takes from the quota, which nothing gives back. Where that is used up, the stream is not
 * read on.
 */
export class QuotaFlow implements FlowBudget {
  constructor(
    private readonly inner: FlowBudget,
    private readonly quota: QuotaShare,
  ) {}

  tryAcquire(events: number, bytes: number): boolean {
    if (!this.inner.tryAcquire(events, bytes)) return false;
    if (this.quota.tryTake(events, sentBytes(events, bytes))) return true;
    this.inner.release(events, bytes);
    return false;
  }

  async acquire(events: number, bytes: number, signal?: AbortSignal): Promise<void> {
    await this.inner.acquire(events, bytes, signal);
    try {
      await this.quota.take(events, sentBytes(events, bytes), STREAM_PATIENCE_MS, signal);
    } catch (error) {
      this.inner.release(events, bytes);
      throw error;
    }
  }

  grow(bytes: number): void {
    this.inner.grow(bytes);
  }

  release(events: number, bytes: number): void {
    this.inner.release(events, bytes);
  }
}

/** Quotas count what came over the wire, not what an event weighs in memory. */
function sentBytes(events: number, weight: number): number {
  return weight - events * EVENT_OVERHEAD_BYTES;
}
