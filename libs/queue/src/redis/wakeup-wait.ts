import type { Clock } from '@event-pipeline/runtime';
import type { RedisConnection } from './redis-connection';

/** How long a wait pauses when its connection is down, so that waiting does not become spinning. */
const PAUSE_WHILE_DOWN_MS = 200;

/**
 * Waits for a wake-up token on a connection of its own, which the wait blocks. One wait at a time:
 * who comes while one is under way shares its end.
 */
export class WakeupWait {
  private waiting: Promise<void> | undefined;

  constructor(
    private readonly redis: RedisConnection,
    private readonly clock: Clock,
    /** How much longer than asked the server may take. */
    private readonly toleranceMs: number,
  ) {}

  /** Resolves with a token, after `maxWaitMs`, or when the signal aborts. Never rejects. */
  async wait(wakeupKey: string, maxWaitMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || maxWaitMs <= 0) return;
    this.waiting ??= this.takeToken(wakeupKey, maxWaitMs).finally(() => {
      this.waiting = undefined;
    });
    const over = new AbortController();
    try {
      const limit = this.clock.sleep(maxWaitMs, AbortSignal.any([signal, over.signal]));
      await Promise.race([this.waiting, limit]);
    } finally {
      over.abort();
    }
  }

  private async takeToken(wakeupKey: string, maxWaitMs: number): Promise<void> {
    try {
      const seconds = (maxWaitMs / 1_000).toFixed(3);
      await this.redis.call('blpop', [wakeupKey, seconds], maxWaitMs + this.toleranceMs);
    } catch {
      // A wait is only a hint: the caller looks for itself, and learns there why nothing comes.
      await this.clock.sleep(Math.min(maxWaitMs, PAUSE_WHILE_DOWN_MS));
    }
  }
}
