import type { Socket } from 'node:net';

/** Of delayed bytes, this many are kept in one direction; then reading stops. */
const MAX_LATE_BYTES = 1_048_576;

type Late = { readonly dueAt: number } & (
  { readonly kind: 'bytes'; readonly bytes: Buffer } | { readonly kind: 'end' | 'close' | 'reset' }
);

/**
 * One direction of a proxied connection: passes bytes, and how they end, from one socket to the
 * other, in order and as fast as they are taken. A fault never tears a hole into the bytes: what was
 * held back comes later, or the connection ends, as with TCP.
 */
export class ProxiedPump {
  private readonly late: Late[] = [];
  private lateBytes = 0;
  private left = Infinity;
  private onLimit: () => void = () => undefined;
  private onSwallowed: (() => void) | undefined;
  private held = false;
  private full = false;
  private timer: NodeJS.Timeout | undefined;
  /** Called with what was read, before it is passed on. */
  onBytes: (bytes: Buffer) => void = () => undefined;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly delayMs: () => number,
  ) {
    from.on('data', (bytes: Buffer) => this.read(bytes));
    from.on('end', () => this.queue({ kind: 'end', dueAt: this.dueAt() }));
    from.on('error', () => this.queue({ kind: 'reset', dueAt: this.dueAt() }));
    from.on('close', () => this.queue({ kind: 'close', dueAt: this.dueAt() }));
    to.on('drain', () => {
      this.full = false;
      this.flow();
    });
  }

  /** While held, nothing passes, not even that the sender has gone. */
  hold(held: boolean): void {
    this.held = held;
    this.passDue();
    this.flow();
  }

  /** Passes this many bytes more, then calls `onLimit` and no further one. */
  limit(bytes: number, onLimit: () => void): void {
    this.left = bytes;
    this.onLimit = onLimit;
  }

  /** From now on nothing passes, and it is as if it had; calls back for the first bytes that come. */
  swallow(onSwallowed: () => void): void {
    this.onSwallowed = onSwallowed;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.late.length = 0;
  }

  private read(bytes: Buffer): void {
    if (this.left <= 0) return;
    if (this.onSwallowed !== undefined) return this.onSwallowed();
    this.onBytes(bytes);
    const passed = bytes.subarray(0, Math.min(bytes.length, this.left));
    this.left -= passed.length;
    this.queue({ kind: 'bytes', bytes: passed, dueAt: this.dueAt() });
  }

  private dueAt(): number {
    return performance.now() + this.delayMs();
  }

  private queue(late: Late): void {
    this.late.push(late);
    if (late.kind === 'bytes') this.lateBytes += late.bytes.length;
    this.passDue();
    this.flow();
  }

  private passDue(): void {
    clearTimeout(this.timer);
    for (;;) {
      const [next] = this.late;
      if (next === undefined || this.held) return;
      const inMs = next.dueAt - performance.now();
      if (inMs > 0) {
        this.timer = setTimeout(() => {
          this.passDue();
          this.flow();
        }, inMs);
        return;
      }
      this.late.shift();
      this.pass(next);
    }
  }

  private pass(late: Late): void {
    const { to } = this;
    if (late.kind === 'bytes') {
      this.lateBytes -= late.bytes.length;
      if (to.destroyed || !to.writable) return;
      const wasLast = this.left <= 0 && this.lateBytes === 0;
      if (!to.write(late.bytes, wasLast ? () => this.onLimit() : undefined)) this.full = true;
    } else if (late.kind === 'end') to.end();
    else if (late.kind === 'reset') to.resetAndDestroy();
    else to.destroy();
  }

  private flow(): void {
    const stopped = this.held || this.full || this.left <= 0 || this.lateBytes > MAX_LATE_BYTES;
    if (stopped) this.from.pause();
    else if (this.from.isPaused()) this.from.resume();
  }
}
