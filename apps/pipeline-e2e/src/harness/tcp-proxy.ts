import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { ProxiedPump } from './proxied-pump';
import type { Scratch } from './scratch';

/** What goes wrong on one connection. Each member is a fault of its own. */
export interface LinkFault {
  /**
   * Resets both ends when this many bytes have passed in one direction: `toServer` cuts a request in
   * the middle, `toClient` loses answers to what the server has done.
   */
  readonly cut?: { readonly direction: Direction; readonly afterBytes: number };
}

export type Direction = 'toServer' | 'toClient';

/** The fault of the n-th connection, from 0; undefined for one that works. */
export type FaultPlan = (connection: number) => LinkFault | undefined;

export interface LostReply {
  /** The request whose reply is lost; bytes as they happen to be read. Default: the next one. */
  readonly request?: (bytes: Buffer) => boolean;
  /**
   * How long replies are swallowed, counted from the first one that comes, before both ends are
   * reset; long enough that the server has done what it was asked. Default: 100 ms.
   */
  readonly swallowMs?: number;
}

/**
 * Stands between a client and a server on loopback, and breaks their connections: as a plan says,
 * connection by connection, or as it is told while it runs. Times here are faults, not waits.
 */
export class TcpProxy {
  private readonly server = createServer((client) => this.accept(client));
  private readonly links = new Set<Link>();
  private connectionCount = 0;
  private cutCount = 0;
  private refusing = false;
  private readonly delays: Record<Direction, number> = { toServer: 0, toClient: 0 };
  private readonly holes: Record<Direction, boolean> = { toServer: false, toClient: false };
  private lostReply: { watch: (bytes: Buffer, link: Link) => void } | undefined;

  private constructor(
    private readonly port: number,
    private readonly plan: FaultPlan,
  ) {}

  /** @param target of the server, as host:port on this machine */
  static async start(
    target: string,
    scratch: Scratch,
    plan: FaultPlan = () => undefined,
  ): Promise<TcpProxy> {
    const proxy = new TcpProxy(Number(target.split(':')[1]), plan);
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    scratch.afterwards(() => proxy.stop());
    return proxy;
  }

  /** Where clients connect. */
  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** How many connections there have been, those that were refused included. */
  get connections(): number {
    return this.connectionCount;
  }

  /** How many connections are open now. */
  get open(): number {
    return this.links.size;
  }

  /** How many connections were cut, by the plan or by a fault below. */
  get cuts(): number {
    return this.cutCount;
  }

  /** Passes everything again: ends delay, black hole and refusal. What was held back comes now. */
  pass(): void {
    this.refusing = false;
    this.lostReply = undefined;
    for (const direction of DIRECTIONS) {
      this.delays[direction] = 0;
      this.holes[direction] = false;
    }
    this.applyHoles();
  }

  /** Bytes arrive this much later, in order. */
  delay(ms: number, directions: readonly Direction[] = DIRECTIONS): void {
    for (const direction of directions) this.delays[direction] = ms;
  }

  /**
   * Connections are accepted and stay open, and nothing passes in these directions, not even that
   * one side has gone: as when a cable is pulled.
   */
  blackHole(directions: readonly Direction[] = DIRECTIONS): void {
    for (const direction of directions) this.holes[direction] = true;
    this.applyHoles();
  }

  /** New connections are reset at once; open ones stay. */
  refuse(): void {
    this.refusing = true;
  }

  /** Resets every connection that is open now, at both ends. */
  resetAll(): void {
    for (const link of [...this.links]) this.cut(link);
  }

  /** Cuts every connection that is open now once so many more bytes have passed. */
  cutAfter(direction: Direction, bytes: number): void {
    for (const link of this.links) link[direction].limit(bytes, () => this.cut(link));
  }

  /**
   * Lets one request pass and loses the reply: the server has done it, and the client sees a reset.
   * Resolves when it has happened.
   */
  loseReply({ request = () => true, swallowMs = 100 }: LostReply = {}): Promise<void> {
    return new Promise((resolve) => {
      const watch = (bytes: Buffer, link: Link) => {
        if (!request(bytes)) return;
        this.lostReply = undefined;
        let first = true;
        link.toClient.swallow(() => {
          if (!first) return;
          first = false;
          setTimeout(() => {
            this.cut(link);
            resolve();
          }, swallowMs);
        });
      };
      this.lostReply = { watch };
    });
  }

  private async stop(): Promise<void> {
    for (const link of this.links) {
      link.toServer.stop();
      link.toClient.stop();
      link.client.destroy();
      link.server.destroy();
    }
    this.server.close();
    await once(this.server, 'close');
  }

  private accept(client: Socket): void {
    const fault = this.plan(this.connectionCount++) ?? {};
    if (this.refusing) {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.port, '127.0.0.1');
    for (const socket of [client, server]) socket.setNoDelay(true);
    const link: Link = {
      client,
      server,
      toServer: new ProxiedPump(client, server, () => this.delays.toServer),
      toClient: new ProxiedPump(server, client, () => this.delays.toClient),
    };
    this.links.add(link);
    link.toServer.onBytes = (bytes) => this.lostReply?.watch(bytes, link);
    for (const direction of DIRECTIONS) {
      if (fault.cut?.direction === direction) {
        link[direction].limit(fault.cut.afterBytes, () => this.cut(link));
      }
      if (this.holes[direction]) link[direction].hold(true);
    }
    for (const socket of [client, server]) socket.on('close', () => this.forget(link));
  }

  private cut(link: Link): void {
    if (link.client.destroyed && link.server.destroyed) return;
    this.cutCount += 1;
    link.client.resetAndDestroy();
    link.server.resetAndDestroy();
  }

  private forget(link: Link): void {
    if (link.client.destroyed && link.server.destroyed) this.links.delete(link);
  }

  private applyHoles(): void {
    for (const link of this.links) {
      for (const direction of DIRECTIONS) link[direction].hold(this.holes[direction]);
    }
  }
}

const DIRECTIONS = ['toServer', 'toClient'] as const;

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  readonly toServer: ProxiedPump;
  readonly toClient: ProxiedPump;
}
