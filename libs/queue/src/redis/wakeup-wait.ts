import type { Clock } from '@event-pipeline/runtime';
import type { RedisLink } from './redis-link';

/** How long a wait pauses when its connection is down, so that waiting does not become spinning. */
const PAUSE_WHILE_DOWN_MS = 200;

/**
 * Waits for wake-up tokens, each key's on a connection of its own, which the wait blocks and which is
 * opened by the first one: who never waits has none. One wait a key at a time: who comes while one is
 * under way shares its end.
 */
export class WakeupWait {
  private readonly connections = new Map<string, RedisLink>();
  private readonly waiting = new Map<string, Promise<void>>();
  private closed = false;

  constructor(
    private readonly open: (key: string) => RedisLink,
    private readonly clock: Clock,
    /** How long a connection may take to be made, and how much longer than asked the server. */
    private readonly toleranceMs: number,
  ) {}

  /** Resolves with a token, after `maxWaitMs`, or when the signal aborts. Never rejects. */
  async wait(wakeupKey: string, maxWaitMs: number, signal: AbortSignal): Promise<void> {
    if (this.closed || signal.aborted || maxWaitMs <= 0) return;
    const over = new AbortController();
    try {
      const limit = this.clock.sleep(maxWaitMs, AbortSignal.any([signal, over.signal]));
      await Promise.race([this.tokenOf(wakeupKey, maxWaitMs), limit]);
    } finally {
      over.abort();
    }
  }

  /** Ends every wait and every connection. */
  close(): void {
    this.closed = true;
    for (const connection of this.connections.values()) connection.close();
    this.connections.clear();
  }

  private tokenOf(wakeupKey: string, maxWaitMs: number): Promise<void> {
    const underWay = this.waiting.get(wakeupKey);
    if (underWay) return underWay;
    const token = this.takeToken(wakeupKey, maxWaitMs).finally(() =>
      this.waiting.delete(wakeupKey),
    );
    this.waiting.set(wakeupKey, token);
    return token;
  }

  private async takeToken(wakeupKey: string, maxWaitMs: number): Promise<void> {
    const connection = this.connections.get(wakeupKey) ?? this.open(wakeupKey);
    this.connections.set(wakeupKey, connection);
    try {
      await connection.settled(this.toleranceMs);
      const seconds = (maxWaitMs / 1_000).toFixed(3);
      await connection.call(wakeupKey, 'blpop', [wakeupKey, seconds], maxWaitMs + this.toleranceMs);
    } catch {
      // A wait is only a hint: the caller looks for itself, and learns there why nothing comes. The
      // next wait opens another connection, since the key may have another server by now.
      connection.close();
      this.connections.delete(wakeupKey);
      if (!this.closed) await this.clock.sleep(Math.min(maxWaitMs, PAUSE_WHILE_DOWN_MS));
    }
  }
}
