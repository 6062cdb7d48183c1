import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  createServer as createTlsServer,
  type Server as TlsServer,
  type ServerOptions as TlsServerOptions,
} from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import {
  PipelineError,
  messageOf,
  systemClock,
  type Clock,
  type Component,
} from '@event-pipeline/runtime';
import type { Certificates } from './certificates';
import type { Logger } from './logger';
import {
  OperatorPages,
  isProbe,
  plain,
  type OperatorPagesOptions,
  type Page,
} from './operator-pages';

export interface HttpServerOptions extends OperatorPagesOptions {
  readonly name: string;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** True when nobody chose the port: where it is taken, a free one is used and logged. */
  readonly portIsDefault: boolean;
  /** The variable that sets the port, for messages. */
  readonly portVariable?: string;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly limits?: Partial<HttpLimits>;
  /** Makes it an HTTPS server. Where they ask clients, others get nothing but /livez and /readyz. */
  readonly certificates?: Certificates;
}

/** What a client may cost. */
export interface HttpLimits {
  readonly maxConnections: number;
  /** From the connection, or the end of the last answer, to the end of the request's headers. */
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** How long a connection may rest, between requests or in the middle of an answer. */
  readonly idleTimeoutMs: number;
  readonly maxHeaderBytes: number;
}

const DEFAULT_LIMITS: HttpLimits = {
  maxConnections: 64,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  idleTimeoutMs: 10_000,
  maxHeaderBytes: 8_192,
};
/** How long answers in progress may hold up a stop; longer than the slowest answer takes. */
const STOP_LIMIT_MS = 5_000;

export interface HttpServer extends Component {
  /** Where it listens; before the start, where it is meant to. */
  readonly address: { readonly host: string; readonly port: number };
}

/**
 * Serves what operators ask: /livez (the process answers and is not stuck), /readyz (it does its
 * work: 200 or 503 and the reason), /metrics. Nothing here changes anything, so it takes only GET
 * and HEAD.
 *
 * Start it first and it stops last: while the program drains, /readyz says so.
 */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  return new OperatorServer(options);
}

class OperatorServer implements HttpServer {
  readonly name: string;
  readonly #options: HttpServerOptions;
  readonly #clock: Clock;
  readonly #pages: OperatorPages;
  readonly #server: Server;
  /** Every open connection, with the number of its requests that are being answered. */
  readonly #connections = new Map<Socket, number>();
  /** Connections whose TLS handshake goes on, by address and port of the client. */
  readonly #handshakes = new Map<string, Socket>();
  #address: { readonly host: string; readonly port: number };
  #stopping = false;
  #closed = Promise.resolve();

  constructor(options: HttpServerOptions) {
    const { name, host, port, clock = systemClock } = options;
    this.name = name;
    this.#options = options;
    this.#clock = clock;
    this.#pages = new OperatorPages(options, clock);
    this.#address = { host, port };
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const settings = {
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.idleTimeoutMs,
      // How often the two limits above are looked at; Node's default is 30 s.
      connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs),
    };
    const answer = (request: IncomingMessage, response: ServerResponse) =>
      void this.#answer(request, response);
    const { certificates } = options;
    if (certificates === undefined) {
      this.#server = createServer(settings, answer);
      this.#server.on('connection', (socket: Socket) => this.#track(socket));
    } else {
      this.#server = this.#tlsServer(certificates, {
        ...settings,
        handshakeTimeout: limits.headersTimeoutMs,
      }).on('request', answer);
    }
    this.#server.maxConnections = limits.maxConnections;
    this.#server.timeout = limits.idleTimeoutMs;
  }

  get address(): { readonly host: string; readonly port: number } {
    return this.#address;
  }

  async start(): Promise<void> {
    const { host, port, portIsDefault, portVariable, logger } = this.#options;
    let fellBack = false;
    try {
      await this.#listen(port);
    } catch (error) {
      if (codeOf(error) !== 'EADDRINUSE' || !portIsDefault) throw this.#cannotListen(error);
      fellBack = true;
      await this.#listen(0).catch((other: unknown) => {
        throw this.#cannotListen(other);
      });
    }
    this.#server.on('error', (error) => logger.warn({ err: error }, 'accepting failed'));
    const { port: bound } = this.#server.address() as AddressInfo;
    this.#address = { host, port: bound };
    const scheme = this.#options.certificates === undefined ? 'http' : 'https';
    const url = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${bound}`;
    const where = `${url} serves /livez, /readyz and /metrics`;
    if (!fellBack) return logger.info({ url }, where);
    const hint = portVariable === undefined ? '' : ` (set ${portVariable} to choose one)`;
    logger.warn({ url, takenPort: port }, `port ${port} is taken: ${where}${hint}`);
  }

  async stop(signal: AbortSignal): Promise<void> {
    this.#stopping = true;
    if (this.#server.listening) {
      this.#closed = new Promise((resolve) => this.#server.close(() => resolve()));
    }
    // A connection without a request would keep the server open; the others end with their answer.
    for (const [socket, answering] of this.#connections) if (answering === 0) socket.destroy();
    for (const socket of this.#handshakes.values()) socket.destroy();
    const giveUp = () => {
      for (const socket of this.#connections.keys()) socket.destroy();
    };
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    const closed = new AbortController();
    void this.#clock.sleep(STOP_LIMIT_MS, closed.signal).then(giveUp);
    await this.#closed;
    closed.abort();
    signal.removeEventListener('abort', giveUp);
  }

  #listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const onError = (error: Error) => reject(error);
      this.#server.once('error', onError);
      this.#server.listen({ host: this.#options.host, port }, () => {
        this.#server.off('error', onError);
        resolve();
      });
    });
  }

  #cannotListen(error: unknown): PipelineError {
    const { name, host, port, portVariable } = this.#options;
    const what = portVariable === undefined ? `${name}:` : `${portVariable}:`;
    const reason = {
      EADDRINUSE: `port ${port} on ${host} is taken; stop what uses it or choose another port`,
      EACCES: `port ${port} may not be used by this user; choose one above 1023`,
      EADDRNOTAVAIL: `this machine has no address ${host}`,
      ENOTFOUND: `no host is named ${host}`,
      EAI_AGAIN: `no host is named ${host}, or names cannot be looked up now`,
    }[codeOf(error)];
    const message = reason ?? `cannot listen on ${host}, port ${port}: ${messageOf(error)}`;
    return new PipelineError('CONFIG_INVALID', `${what} ${message}`, { cause: error });
  }

  #tlsServer(certificates: Certificates, settings: TlsServerOptions): TlsServer {
    const server = createTlsServer({
      ...settings,
      ...certificates.current.context,
      requestCert: certificates.asksClients,
      // What a client without a trusted certificate may see is decided for each page.
      rejectUnauthorized: false,
    });
    certificates.onChange(({ context }) => server.setSecureContext(context));
    server.on('connection', (socket: Socket) => {
      const peer = peerOf(socket);
      this.#handshakes.set(peer, socket);
      socket.once('close', () => this.#handshakes.delete(peer));
    });
    server.on('secureConnection', (socket: TLSSocket) => {
      this.#handshakes.delete(peerOf(socket));
      this.#track(socket);
    });
    server.on('tlsClientError', (error: Error, socket: TLSSocket) =>
      certificates.handshakeFailed(error, socket.remoteAddress),
    );
    return server;
  }

  /** Why this client gets nothing of this page; undefined where it does. */
  #refusal({ socket, url = '' }: IncomingMessage): Page | undefined {
    const asksClients = this.#options.certificates?.asksClients ?? false;
    if (!asksClients || isProbe(url) || (socket as TLSSocket).authorized) return undefined;
    return plain(403, 'only for clients with a certificate that is trusted here\n');
  }

  #track(socket: Socket): void {
    this.#connections.set(socket, 0);
    socket.once('close', () => this.#connections.delete(socket));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    this.#connections.set(socket, (this.#connections.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const answering = (this.#connections.get(socket) ?? 1) - 1;
      if (this.#connections.has(socket)) this.#connections.set(socket, answering);
      if (this.#stopping && answering === 0) socket.destroySoon();
    });
    try {
      const { method = '', url = '' } = request;
      const { status, type, body } =
        this.#refusal(request) ?? (await this.#pages.page(method, url));
      // A body is never read, so the connection is of no use after a request that has one.
      if (this.#stopping || hasBody(request)) response.setHeader('connection', 'close');
      if (status === 405) response.setHeader('allow', 'GET, HEAD');
      response.writeHead(status, {
        'content-type': type,
        'content-length': Buffer.byteLength(body),
        'cache-control': 'no-store',
      });
      response.end(method === 'HEAD' ? undefined : body);
    } catch (error) {
      this.#options.logger.error({ err: error }, 'request failed');
      if (!response.headersSent) response.writeHead(500, { connection: 'close' });
      response.end();
    }
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? '');
}
