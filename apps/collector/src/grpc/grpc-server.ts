import type { Socket } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { PipelineError, type Clock, type Component } from '@event-pipeline/runtime';
import type { Certificates, Logger } from '@event-pipeline/telemetry';
import type { ConnectionLimits } from '../limits/connection-limits';
import { onHttp2Server } from '../limits/http2-servers';
import { rawEventService, type EventService } from './event-service';
import { createReflection } from './reflection';
import { ReloadedCredentials } from './tls-credentials';

export interface GrpcServerOptions {
  readonly host: string;
  readonly port: number;
  readonly maxRequestBytes: number;
  readonly maxStreamsPerConnection: number;
}

/** What lies between the service and the network. */
export interface GrpcTransport {
  readonly limits: Pick<ConnectionLimits, 'protect'>;
  /** Undefined: no TLS. */
  readonly certificates: Certificates | undefined;
}

/** The names that health checks may ask for: the whole server, and its one service. */
const HEALTH_NAMES = ['', 'event.EventService'];
/** How long the last answers get on their way out before connections are cut. */
const CLOSING_LIMIT_MS = 2_000;

/**
 * The gRPC port: EventService, the standard health service, and reflection, so that grpcurl and
 * buf curl need no proto file.
 */
export class GrpcServer implements Component {
  readonly name = 'grpc-server';
  private readonly server: Server;
  private readonly health: HealthImplementation;
  private boundPort: number | undefined;

  constructor(
    private readonly options: GrpcServerOptions,
    private readonly service: EventService,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly transport: GrpcTransport,
  ) {
    // Most of these limits are off by default.
    this.server = new Server({
      'grpc.max_receive_message_length': options.maxRequestBytes,
      'grpc.max_concurrent_streams': options.maxStreamsPerConnection,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc.enable_channelz': 0,
    });
    transport.limits.protect(this.server);
    if (transport.certificates) countFailures(this.server, transport.certificates);
    this.server.addService(rawEventService, service.handlers);
    this.health = new HealthImplementation();
    this.health.addToServer(this.server);
    createReflection().addToServer(this.server);
    this.setServing(false);
  }

  /** The port it listens on; where 0 was asked for, the one the system chose. */
  get port(): number {
    return this.boundPort ?? this.options.port;
  }

  setServing(serving: boolean): void {
    for (const name of HEALTH_NAMES) {
      this.health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
    }
  }

  async start(): Promise<void> {
    const { host, port } = this.options;
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const { certificates } = this.transport;
    const credentials = certificates
      ? new ReloadedCredentials(certificates)
      : ServerCredentials.createInsecure();
    this.boundPort = await new Promise<number>((resolve, reject) => {
      this.server.bindAsync(address, credentials, (error, bound) => {
        if (error) reject(bindProblem(error, host, port));
        else resolve(bound);
      });
    });
    const tls = certificates === undefined ? 'off' : certificates.asksClients ? 'mutual' : 'on';
    this.logger.info(
      { host, port: this.port, tls },
      `Collector server running on port ${this.port}`,
    );
  }

  /** Says "not serving", answers what is open, lets the answers out, then cuts what is left. */
  async stop(signal: AbortSignal): Promise<void> {
    this.setServing(false);
    if (this.boundPort !== undefined) {
      await Promise.race([this.service.drain(), aborted(signal)]);
      const closed = new Promise<void>((resolve) => this.server.tryShutdown(() => resolve()));
      const over = new AbortController();
      const limit = this.clock.sleep(CLOSING_LIMIT_MS, AbortSignal.any([signal, over.signal]));
      await Promise.race([closed, limit]);
      over.abort();
    }
    this.server.forceShutdown();
  }
}

function countFailures(server: Server, certificates: Certificates): void {
  onHttp2Server(server, {}, (http2) =>
    http2.on('tlsClientError', (error: Error, socket: Socket) =>
      certificates.handshakeFailed(error, socket.remoteAddress),
    ),
  );
}

function bindProblem(error: Error, host: string, port: number): PipelineError {
  const reason = /E[A-Z]{3,}/.exec(error.message)?.[0] ?? error.message;
  const hint =
    {
      EADDRINUSE: 'another program uses it; stop that one or set COLLECTOR_PORT',
      EACCES: 'this user may not listen there; choose a port above 1023 with COLLECTOR_PORT',
      EADDRNOTAVAIL: 'this machine has no such address; set COLLECTOR_HOST',
      ENOTFOUND: 'this name has no address; set COLLECTOR_HOST',
    }[reason] ?? reason;
  return new PipelineError('CONFIG_INVALID', `cannot listen on ${host}:${port}: ${hint}`, {
    cause: error,
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
