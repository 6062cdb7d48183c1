import { messageOf, PipelineError, type Clock } from '@event-pipeline/runtime';
import type { QuotaAmount, QuotaBuckets, QuotaGrant, QuotaRates } from '@event-pipeline/queue';

/** What is taken from a bucket at once: what its rate gives in this time, ms. */
const SLICE_MS = 50;
/** Between two questions at most, and at least, ms. */
const MAX_PAUSE_MS = 1_000;
const MIN_PAUSE_MS = 5;

/** Hears of quotas at work. Must not throw. */
export interface QuotaObserver {
  /** A call or a stream of this principal was refused. */
  refused(principal: string): void;
  /** The buckets do not answer: all is let through. */
  unavailable(problem: string): void;
}

interface Waiter extends QuotaAmount {
  take(): void;
  refuse(error: PipelineError): void;
}

/**
 * This collector's share of the quota of one principal: taken from the common buckets in slices, ahead of
 * need, so that a batch costs no round trip.
 *
 * As long as something is left a batch of any size is let through; what it takes beyond is owed, and the next
 * one waits until it is paid. So a batch larger than a bucket does not wait for ever, and the rate
 * holds all the same. Where the buckets do not answer, all is let through: they lie beside the queue,
 * which does not answer either then and refuses by itself.
 */
export class QuotaShare {
  private left: { events: number; bytes: number } = { events: 0, bytes: 0 };
  private readonly waiters = new Set<Waiter>();
  private isAsking = false;
  /** By the monotonic clock: before, it is not worth asking again. */
  private notBefore = 0;

  constructor(
    private readonly name: string,
    /** Of the principal as it is now. */
    public rates: QuotaRates,
    private readonly buckets: Pick<QuotaBuckets, 'take'>,
    private readonly clock: Clock,
    private readonly observer: QuotaObserver,
    private readonly ended: AbortSignal,
  ) {}

  /** Takes at once, where something is left and nobody waits. */
  tryTake(events: number, bytes: number): boolean {
    if (this.waiters.size > 0 || !this.hasSome()) return false;
    this.subtract({ events, bytes });
    return true;
  }

  /**
   * Takes as soon as there is something, first come, first served.
   *
   * @throws PipelineError QUOTA_EXCEEDED where there is nothing for so long; rejects on an abort as well
   */
  async take(
    events: number,
    bytes: number,
    patienceMs: number,
    signal?: AbortSignal,
  ): Promise<void> {
    if (this.tryTake(events, bytes)) return;
    const over = new AbortController();
    const limit = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = { events, bytes, take: resolve, refuse: reject };
      this.waiters.add(waiter);
      void this.ask();
      void this.clock.sleep(patienceMs, limit).then(() => {
        if (!this.waiters.delete(waiter)) return;
        if (signal?.aborted !== true) this.observer.refused(this.name);
        reject(exceeded(this.name));
      });
    }).finally(() => over.abort());
  }

  private hasSome(): boolean {
    const { left, rates } = this;
    return (rates.events === 0 || left.events > 0) && (rates.bytes === 0 || left.bytes > 0);
  }

  private subtract({ events, bytes }: QuotaAmount): void {
    this.left.events -= events;
    this.left.bytes -= bytes;
    const { rates, left } = this;
    const isLow = (kind: 'events' | 'bytes') =>
      rates[kind] > 0 && left[kind] < slice(rates[kind]) / 2;
    if (isLow('events') || isLow('bytes')) void this.ask();
  }

  /** Asks the buckets until nobody waits. Never rejects. */
  private async ask(): Promise<void> {
    if (this.isAsking) return;
    this.isAsking = true;
    try {
      do {
        const pause = this.notBefore - this.clock.monotonic();
        if (pause > 0) await this.clock.sleep(pause, this.ended);
        await this.refill();
        this.serve();
      } while (this.waiters.size > 0 && !this.ended.aborted);
    } finally {
      this.isAsking = false;
    }
  }

  private async refill(): Promise<void> {
    const { rates, left } = this;
    const want = (kind: 'events' | 'bytes') =>
      rates[kind] === 0 ? 0 : Math.max(0, Math.ceil(slice(rates[kind]) - left[kind]));
    const wanted = { events: want('events'), bytes: want('bytes') };
    const grant = await this.buckets
      .take(this.name, rates, wanted)
      .catch((error: unknown): QuotaGrant => {
        this.observer.unavailable(messageOf(error));
        return { ...wanted, waitMs: 0 };
      });
    left.events += grant.events;
    left.bytes += grant.bytes;
    if (grant.waitMs === 0) return;
    const pause = Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, grant.waitMs));
    this.notBefore = this.clock.monotonic() + pause;
  }

  private serve(): void {
    for (const waiter of this.waiters) {
      if (!this.hasSome()) return;
      this.waiters.delete(waiter);
      this.left.events -= waiter.events;
      this.left.bytes -= waiter.bytes;
      waiter.take();
    }
  }
}

function slice(rate: number): number {
  return Math.max(1, (rate * SLICE_MS) / 1_000);
}

function exceeded(name: string): PipelineError {
  return new PipelineError('QUOTA_EXCEEDED', `${name} has sent as much as its quota allows`);
}
