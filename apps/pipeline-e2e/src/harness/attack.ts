import { RawHttp2, grpcMessage } from '@event-pipeline/runtime/testing';
import { systemClock } from '@event-pipeline/runtime';
import type { Scratch } from './scratch';

const PUBLISH = '/event.EventService/PublishEvents';
const STREAMS_PER_CONNECTION = 100;
/** Of a message of 4 MiB that never ends, sent at once; the rest comes byte by byte. */
const FIRST_PART_BYTES = 512 * 1_024;
const MESSAGE_BYTES = 4 * 1_024 * 1_024;
const FRAME_BYTES = 16_384;
const BURST = 500;
const PAUSE_MS = 50;
const SLOW_ROUNDS = 40;

export interface AttackSize {
  readonly idleConnections: number;
  readonly slowStreams: number;
}

/** Loopback addresses, so that an attacker does not share the limits of those who send events. */
const FROM = { idle: '127.0.0.2', slow: '127.0.0.3', pings: '127.0.0.4', resets: '127.0.0.5' };

/**
 * Idle connections, slow streams, a flood of pings and bursts of resets, all at once and over and over,
 * until it is stopped. Who is cut comes again.
 */
export class Attack {
  readonly idle: RawHttp2[] = [];
  private readonly over = new AbortController();
  private readonly duties: Promise<void>[] = [];
  private readonly open = new Set<RawHttp2>();

  constructor(
    private readonly address: string,
    private readonly size: AttackSize,
    scratch: Scratch,
  ) {
    scratch.afterwards(() => this.stop());
  }

  /** Resolves when the idle connections are there and the rest has begun. */
  async start(): Promise<void> {
    while (this.idle.length < this.size.idleConnections) {
      const dialled = Array.from({ length: 50 }, () => this.dial(FROM.idle));
      this.idle.push(...(await Promise.all(dialled)));
    }
    const connections = Math.ceil(this.size.slowStreams / STREAMS_PER_CONNECTION);
    for (let at = 0; at < connections; at++) this.duties.push(this.sendSlowly());
    this.duties.push(this.again(FROM.pings, (raw) => raw.ping()));
    this.duties.push(this.again(FROM.resets, (raw) => raw.reset(raw.begin(PUBLISH))));
  }

  async stop(): Promise<void> {
    this.over.abort();
    await Promise.all(this.duties);
    for (const raw of this.open) raw.close();
  }

  private async sendSlowly(): Promise<void> {
    while (!this.over.signal.aborted) {
      const raw = await this.dial(FROM.slow);
      const streams = Array.from({ length: STREAMS_PER_CONNECTION }, () => raw.begin(PUBLISH));
      const first = grpcMessage(Buffer.alloc(0), MESSAGE_BYTES);
      for (const stream of streams) raw.data(stream, first);
      for (let sent = 0; sent < FIRST_PART_BYTES; sent += FRAME_BYTES) {
        raw.together(() => {
          for (const stream of streams) raw.data(stream, Buffer.alloc(FRAME_BYTES));
        });
        await this.pause();
      }
      for (let round = 0; round < SLOW_ROUNDS && !raw.isClosed; round++) {
        raw.together(() => {
          for (const stream of streams) raw.data(stream, Buffer.alloc(1));
        });
        await this.pause();
      }
      this.hangUp(raw);
    }
  }

  private async again(from: string, once: (raw: RawHttp2) => void): Promise<void> {
    while (!this.over.signal.aborted) {
      const raw = await this.dial(from);
      while (!raw.isClosed && !this.over.signal.aborted) {
        raw.together(() => {
          for (let count = 0; count < BURST; count++) once(raw);
        });
        await this.pause();
      }
      this.hangUp(raw);
      await this.pause();
    }
  }

  private async dial(from: string): Promise<RawHttp2> {
    const raw = await RawHttp2.open(this.address, from);
    this.open.add(raw);
    return raw;
  }

  private hangUp(raw: RawHttp2): void {
    this.open.delete(raw);
    raw.close();
  }

  private pause(): Promise<void> {
    return systemClock.sleep(PAUSE_MS, this.over.signal);
  }
}
