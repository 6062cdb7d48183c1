import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
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

/** Stands between a client and a server on loopback, and breaks their connections as a plan says. */
export class TcpProxy {
  private readonly server = createServer((client) => this.accept(client));
  private readonly sockets = new Set<Socket>();
  private connectionCount = 0;
  private cutCount = 0;

  private constructor(
    private readonly port: number,
    private readonly plan: FaultPlan,
  ) {}

  /** @param target of the server, as host:port on this machine */
  static async start(target: string, scratch: Scratch, plan: FaultPlan): Promise<TcpProxy> {
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

  /** How many connections there have been. */
  get connections(): number {
    return this.connectionCount;
  }

  /** How many of them were cut as planned. */
  get cuts(): number {
    return this.cutCount;
  }

  private async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private accept(client: Socket): void {
    const fault = this.plan(this.connectionCount++) ?? {};
    const server = connect(this.port, '127.0.0.1');
    const reset = () => {
      client.resetAndDestroy();
      server.resetAndDestroy();
    };
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', reset);
      socket.on('end', () => other.end());
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
    const cut = () => {
      this.cutCount += 1;
      reset();
    };
    pump(client, server, bytesUntilCut(fault, 'toServer'), cut);
    pump(server, client, bytesUntilCut(fault, 'toClient'), cut);
  }
}

function bytesUntilCut({ cut }: LinkFault, direction: Direction): number {
  return cut?.direction === direction ? cut.afterBytes : Infinity;
}

/** Passes bytes on as fast as they are taken; the first `limit` of them, then calls `onLimit`. */
function pump(from: Socket, to: Socket, limit: number, onLimit: () => void): void {
  let left = limit;
  from.on('data', (chunk: Buffer) => {
    if (left <= 0) return;
    const passed = chunk.subarray(0, Math.min(chunk.length, left));
    left -= passed.length;
    if (left <= 0) {
      from.pause();
      to.write(passed, onLimit);
    } else if (!to.write(passed)) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  });
}
