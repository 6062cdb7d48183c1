import type { Clock } from '@event-pipeline/runtime';
import {
  QUOTA_BURST_MS,
  type QuotaAmount,
  type QuotaBuckets,
  type QuotaGrant,
  type QuotaRates,
} from './quota-buckets';

interface Level {
  events: number | undefined;
  bytes: number | undefined;
  at: number;
}

/** Buckets of this process alone, for a queue without a server: the same as take-quota.lua. */
export class LocalQuotaBuckets implements QuotaBuckets {
  private readonly levels = new Map<string, Level>();

  constructor(private readonly clock: Clock) {}

  take(name: string, rates: QuotaRates, wanted: QuotaAmount): Promise<QuotaGrant> {
    const now = this.clock.monotonic();
    const level = this.levels.get(name) ?? { events: undefined, bytes: undefined, at: now };
    const elapsed = now - level.at;
    let waitMs = 0;
    const takeFrom = (kind: 'events' | 'bytes'): number => {
      const rate = rates[kind];
      if (rate === 0) {
        level[kind] = undefined;
        return wanted[kind];
      }
      const room = Math.max(1, (rate * QUOTA_BURST_MS) / 1_000);
      const there = Math.min(room, (level[kind] ?? room) + (elapsed * rate) / 1_000);
      const granted = Math.max(0, Math.min(wanted[kind], Math.floor(there)));
      level[kind] = there - granted;
      if (granted < wanted[kind]) {
        const useful = Math.max(1, room / 10) - (there - granted);
        waitMs = Math.max(waitMs, Math.ceil((useful * 1_000) / rate));
      }
      return granted;
    };
    const grant = { events: takeFrom('events'), bytes: takeFrom('bytes') };
    level.at = now;
    this.levels.set(name, level);
    return Promise.resolve({ ...grant, waitMs });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
