import type { QuotaBuckets } from '@event-pipeline/queue';
import type { Clock, Component } from '@event-pipeline/runtime';
import type { Principal } from './principal-directory';
import { QuotaShare, type QuotaObserver } from './quota-share';

/** The shares of all principals that have a quota, each made when it is first needed. */
export class Quotas implements Component {
  readonly name = 'quotas';
  private readonly ended = new AbortController();
  private readonly shares = new WeakMap<Principal, QuotaShare>();

  constructor(
    private readonly buckets: QuotaBuckets,
    private readonly clock: Clock,
    private readonly observer: QuotaObserver,
  ) {}

  /** Undefined for a principal that never had a quota. Puts the quota as it is now into effect. */
  shareOf(principal: Principal): QuotaShare | undefined {
    const { name, quota } = principal;
    const known = this.shares.get(principal);
    if (quota === undefined && known === undefined) return undefined;
    const rates = { events: quota?.eventsPerSecond ?? 0, bytes: quota?.bytesPerSecond ?? 0 };
    if (known !== undefined) {
      known.rates = rates;
      return known;
    }
    const { buckets, clock, observer, ended } = this;
    const share = new QuotaShare(name, rates, buckets, clock, observer, ended.signal);
    this.shares.set(principal, share);
    return share;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.ended.abort();
    return this.buckets.close();
  }
}
