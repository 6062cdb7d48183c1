import type {
  Http2Server,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Server } from '@grpc/grpc-js';
import type { Clock, Component, Random } from '@event-pipeline/runtime';
import type { GuardedCall } from './guarded-call';
import { GuardedConnection, type ConnectionRules } from './guarded-connection';
import { filterEvent, onHttp2Server } from './http2-servers';
import type { LimitHit, LimitName } from './limit-names';
import { UnfinishedMessages } from './unfinished-messages';

export interface LimitRules extends ConnectionRules {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly handshakeMs: number;
  readonly connectionAgeMs: number;
  readonly streamIdleMs: number;
  readonly maxUnfinishedBytes: number;
  readonly penaltyMs: number;
}

/** The streams that are open, which are answered before they are cut. */
export interface DrainableStreams {
  /** Ends the streams of one connection, named as gRPC names a peer: address:port. */
  drainPeer(peer: string): void;
  /** Ends the streams that had no message for so long; says how many. */
  drainIdleStreams(limitMs: number): number;
}

/** A TCP connection, before and after it speaks HTTP/2. */
interface OpenConnection {
  readonly socket: Socket;
  readonly openedAt: number;
  readonly ageLimitAt: number;
  guarded?: GuardedConnection;
}

const SWEEP_MS = 1_000;
/** What costs by being begun again and again. */
const FLOODS: ReadonlySet<LimitName> = new Set(['pings', 'resets', 'streams', 'protocol']);
/** Ages differ by a tenth either way, so that connections made at once do not end at once. */
const AGE_SPREAD = 0.2;
/**
 * Metadata above this many times its limit is reset by nghttp2 in the middle; below, the call gets a
 * status and is counted.
 */
const HARD_METADATA_FACTOR = 4;
const LEAST_HARD_METADATA_BYTES = 65_535;

/** Holds the connections of a gRPC server to their limits, whatever credentials it has. */
export class ConnectionLimits implements Component {
  readonly name = 'connection-limits';
  readonly #connections = new Map<string, OpenConnection>();
  readonly #byAddress = new Map<string, number>();
  /** Addresses that may open no connection, and until when. */
  readonly #penalties = new Map<string, number>();
  readonly #unfinished: UnfinishedMessages<GuardedCall>;
  readonly #ended = new AbortController();
  #sweeping: Promise<void> = Promise.resolve();

  constructor(
    private readonly rules: LimitRules,
    private readonly streams: DrainableStreams,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly hit: LimitHit,
  ) {
    this.#unfinished = new UnfinishedMessages(rules.maxUnfinishedBytes);
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Of messages that have not come whole. */
  get unfinishedBytes(): number {
    return this.#unfinished.bytes;
  }

  /** To be called once, before the server is bound. */
  protect(server: Server): void {
    const { maxMetadataBytes, maxStreamsPerConnection } = this.rules;
    const maxHeaderListSize = Math.max(
      LEAST_HARD_METADATA_BYTES,
      HARD_METADATA_FACTOR * maxMetadataBytes,
    );
    const settings = { maxHeaderListSize, maxConcurrentStreams: maxStreamsPerConnection };
    onHttp2Server(server, { settings }, (http2) => this.#guard(http2));
  }

  start(): Promise<void> {
    this.#sweeping = this.#sweepOn();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#sweeping;
  }

  #guard(http2: Http2Server): void {
    filterEvent(http2, 'connection', (socket: Socket) => this.#admit(socket));
    http2.prependListener('session', (session) => this.#adopt(session));
    filterEvent(
      http2,
      'stream',
      (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _: number, raw: string[]) => {
        const { session } = stream;
        const open = session && this.#guards.get(session as ServerHttp2Session);
        return open ? open.admit(stream, headers, raw) : true;
      },
    );
  }

  readonly #guards = new WeakMap<ServerHttp2Session, GuardedConnection>();

  #admit(socket: Socket): boolean {
    const { rules } = this;
    const { remoteAddress: address = '', remotePort } = socket;
    const openedAt = this.clock.monotonic();
    const ofAddress = this.#byAddress.get(address) ?? 0;
    const isFull = this.#connections.size >= rules.maxConnections;
    const isPenalised = openedAt < (this.#penalties.get(address) ?? 0);
    if (isPenalised || isFull || ofAddress >= rules.maxConnectionsPerAddress) {
      socket.on('error', () => undefined);
      socket.destroy();
      const limit = isFull ? 'connections' : 'address-connections';
      this.hit(isPenalised ? 'penalty' : limit, address);
      return false;
    }
    const peer = `${address}:${remotePort}`;
    const spread = 1 + (this.random.next() - 0.5) * AGE_SPREAD;
    const ageLimitAt = openedAt + rules.connectionAgeMs * spread;
    this.#connections.set(peer, { socket, openedAt, ageLimitAt });
    this.#byAddress.set(address, ofAddress + 1);
    socket.once('close', () => this.#closed(peer, address));
    return true;
  }

  #closed(peer: string, address: string): void {
    this.#connections.delete(peer);
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }

  #adopt(session: ServerHttp2Session): void {
    const { remoteAddress: address = '', remotePort } = session.socket;
    const peer = `${address}:${remotePort}`;
    const guarded = new GuardedConnection(session, {
      rules: this.rules,
      clock: this.clock,
      unfinished: this.#unfinished,
      hit: (limit) => {
        this.hit(limit, address);
        if (!FLOODS.has(limit)) return;
        this.#penalties.set(address, this.clock.monotonic() + this.rules.penaltyMs);
      },
      drain: () => this.streams.drainPeer(peer),
    });
    this.#guards.set(session, guarded);
    const open = this.#connections.get(peer);
    if (open) open.guarded = guarded;
  }

  async #sweepOn(): Promise<void> {
    const { signal } = this.#ended;
    for (;;) {
      await this.clock.sleep(SWEEP_MS, signal);
      if (signal.aborted) return;
      this.#sweep(this.clock.monotonic());
    }
  }

  #sweep(now: number): void {
    for (const { socket, openedAt, ageLimitAt, guarded } of this.#connections.values()) {
      if (guarded?.isEstablished) {
        guarded.sweep(now, ageLimitAt);
      } else if (now - openedAt > this.rules.handshakeMs) {
        this.hit('handshake', socket.remoteAddress ?? '');
        socket.destroy();
      }
    }
    for (const [address, until] of this.#penalties) {
      if (now >= until) this.#penalties.delete(address);
    }
    const idle = this.streams.drainIdleStreams(this.rules.streamIdleMs);
    for (let count = 0; count < idle; count++) this.hit('stream-idle', '');
  }
}
