import {
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { status } from '@grpc/grpc-js';
import type { Clock } from '@event-pipeline/runtime';
import { Allowance } from './allowance';
import { GuardedCall, metadataBytes } from './guarded-call';
import type { LimitName } from './limit-names';
import type { UnfinishedMessages } from './unfinished-messages';

export interface ConnectionRules {
  readonly connectionIdleMs: number;
  readonly connectionAgeGraceMs: number;
  readonly requestTimeMs: number;
  readonly maxMetadataBytes: number;
  readonly maxRequestBytes: number;
  readonly maxStreamsPerConnection: number;
  readonly maxPingsPerMinute: number;
  readonly maxResetsPerMinute: number;
}

export interface ConnectionSurroundings {
  readonly rules: ConnectionRules;
  readonly clock: Clock;
  readonly unfinished: UnfinishedMessages<GuardedCall>;
  readonly hit: (limit: LimitName) => void;
  /** Answers the streams of this connection with what is known of them. */
  readonly drain: () => void;
}

/** A PING frame with its header, as it is sent back (RFC 9113, 6.7). */
const PING_FRAME_BYTES = 17;
/** The shortest frame that carries something: a header of 9 bytes and a prefix of gRPC. */
const SHORTEST_DATA_BYTES = 14;
/** How long the answers of drained streams get on their way out. */
const LAST_ANSWERS_MS = 5_000;
/** The last stream of a connection that is asked to end: none is refused yet (RFC 9113, 6.8). */
const ANY_STREAM = 2 ** 31 - 1;

/** One HTTP/2 connection of the gRPC port, held to its limits. */
export class GuardedConnection {
  readonly #session: ServerHttp2Session;
  readonly #near: ConnectionSurroundings;
  readonly #calls = new Set<GuardedCall>();
  readonly #pings: Allowance;
  readonly #resets: Allowance;
  /** Acknowledgements of pings since then are no sign that anything is sent. */
  #sentMark = 0;
  #pingsSinceMark = 0;
  #idleSince: number;
  #agedAt: number | undefined;
  #drained = false;
  #cut = false;
  /** Calls that ended with the connection, which nghttp2 ends before it says why. */
  #brokenOff = 0;
  /** True once the client has answered the collector's settings: it speaks HTTP/2. */
  isEstablished = false;

  constructor(session: ServerHttp2Session, surroundings: ConnectionSurroundings) {
    this.#session = session;
    this.#near = surroundings;
    const { rules, clock } = surroundings;
    const now = clock.monotonic();
    this.#pings = new Allowance(rules.maxPingsPerMinute, now);
    this.#resets = new Allowance(rules.maxResetsPerMinute, now);
    this.#idleSince = now;
    session.once('localSettings', () => (this.isEstablished = true));
    session.on('ping', () => this.#pinged());
    session.on('error', (error: NodeJS.ErrnoException) => this.#failed(error));
  }

  /** False where the call was ended at once. */
  admit(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]): boolean {
    if (this.#cut || this.#session.destroyed) {
      stream.on('error', () => undefined);
      return false;
    }
    const { rules, clock, unfinished, hit } = this.#near;
    const call = new GuardedCall(stream, headers, clock.monotonic(), () => hit('unfinished-bytes'));
    this.#calls.add(call);
    stream.once('close', () => this.#closed(stream, call, headers['grpc-encoding'] !== undefined));
    if (metadataBytes(raw) > rules.maxMetadataBytes) {
      stream.on('error', () => undefined);
      hit('metadata');
      const details = `metadata is larger than ${rules.maxMetadataBytes} bytes`;
      call.end(status.RESOURCE_EXHAUSTED, details);
      return false;
    }
    let tooLarge = false;
    // Beside grpc-js's own listener, which is set in the same tick.
    stream.on('data', (chunk: Buffer) => {
      if (call.isCut) return;
      unfinished.read(call, chunk, clock.monotonic());
      if (tooLarge || call.progress.largest <= rules.maxRequestBytes) return;
      tooLarge = true;
      hit('message-bytes');
    });
    return true;
  }

  /** Ends what has gone on for too long. To be called about once a second. */
  sweep(now: number, ageLimitAt: number): void {
    const { rules, hit } = this.#near;
    for (const call of this.#calls) {
      if (!call.isTooSlow(rules.requestTimeMs, now)) continue;
      hit('request-time');
      this.#calls.delete(call);
      call.end(status.DEADLINE_EXCEEDED, 'the request took too long to come');
    }
    if (this.#agedAt !== undefined) return this.#endAged(now, this.#agedAt);
    if (now >= ageLimitAt) return this.#askToEnd(now);
    if (this.#calls.size > 0) this.#idleSince = now;
    else if (now - this.#idleSince > rules.connectionIdleMs && !this.#session.closed) {
      hit('connection-idle');
      this.#session.close();
    }
  }

  #askToEnd(now: number): void {
    this.#agedAt = now;
    this.#near.hit('connection-age');
    if (this.#session.destroyed) return;
    this.#session.goaway(constants.NGHTTP2_NO_ERROR, ANY_STREAM, Buffer.from('max_age'));
    this.#session.close();
  }

  #endAged(now: number, agedAt: number): void {
    const over = now - agedAt - this.#near.rules.connectionAgeGraceMs;
    if (over >= 0 && !this.#drained) {
      this.#drained = true;
      this.#near.drain();
    }
    if (over >= LAST_ANSWERS_MS) this.#session.destroy();
  }

  #closed(stream: ServerHttp2Stream, call: GuardedCall, isCompressed: boolean): void {
    const { unfinished, hit, clock } = this.#near;
    this.#calls.delete(call);
    unfinished.forget(call);
    if (stream.rstCode === constants.NGHTTP2_INTERNAL_ERROR) this.#brokenOff += 1;
    if (this.#cut || this.#session.destroyed) return;
    if (isCompressed && call.wasTooLargeUnpacked) hit('decompressed-bytes');
    if (stream.rstCode === constants.NGHTTP2_NO_ERROR) return;
    if (!this.#resets.take(clock.monotonic())) this.#cutFor('resets');
  }

  /**
   * Pings are for connections that rest. A client may send one for each answer that it gets, to
   * measure its way (Go does), so where answers have been sent, the allowance is full again.
   */
  #pinged(): void {
    if (this.#cut) return;
    this.#pingsSinceMark += 1;
    if (this.#pings.take(this.#near.clock.monotonic())) return;
    const sent = this.#session.socket.bytesWritten;
    const answered = sent - this.#sentMark - this.#pingsSinceMark * PING_FRAME_BYTES;
    const isBusy = answered >= this.#pingsSinceMark * SHORTEST_DATA_BYTES;
    this.#sentMark = sent;
    this.#pingsSinceMark = 0;
    if (isBusy) this.#pings.refill();
    else this.#cutFor('pings');
  }

  /** What nghttp2 finds by itself: more streams than were granted, floods of frames, broken ones. */
  #failed({ code = '' }: NodeJS.ErrnoException): void {
    if (this.#cut || !code.startsWith('ERR_HTTP2')) return;
    const { rules, hit } = this.#near;
    const open = this.#calls.size + this.#brokenOff;
    hit(open >= rules.maxStreamsPerConnection ? 'streams' : 'protocol');
  }

  #cutFor(limit: LimitName): void {
    this.#cut = true;
    this.#near.hit(limit);
    // Not within the callback of a read: Node.js 20 ends with an assertion where a session is destroyed
    // there and frames of the same read reset its streams.
    setImmediate(() => {
      const reason = new Error(`limit: ${limit}`);
      this.#session.destroy(reason, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
  }
}
