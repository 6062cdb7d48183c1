import type { Http2Server, ServerOptions } from 'node:http2';
import type { Server } from '@grpc/grpc-js';
import { PipelineError } from '@event-pipeline/runtime';

/** What is used of grpc-js's inside: it has no public way to the HTTP/2 server beneath it. */
interface ServerInside {
  createHttp2Server?: (...credentials: unknown[]) => Http2Server;
  commonServerOptions?: ServerOptions;
}

/**
 * Lets `prepare` see each HTTP/2 server that a gRPC server makes, with or without TLS, before it listens.
 * To be called before bindAsync.
 *
 * Throws INTERNAL where this release of grpc-js is made differently: limits that silently do not hold
 * would be worse.
 */
export function onHttp2Server(
  server: Server,
  options: ServerOptions,
  prepare: (http2: Http2Server) => void,
): void {
  const inside = server as unknown as ServerInside;
  const { createHttp2Server, commonServerOptions } = inside;
  if (typeof createHttp2Server !== 'function' || typeof commonServerOptions !== 'object') {
    throw new PipelineError('INTERNAL', 'the limits of connections do not fit this grpc-js');
  }
  const { settings } = commonServerOptions;
  Object.assign(commonServerOptions, options, {
    settings: { ...settings, ...options.settings },
  });
  inside.createHttp2Server = (...credentials) => {
    const http2 = createHttp2Server.apply(server, credentials);
    prepare(http2);
    return http2;
  };
}

/** Lets only what `admit` says yes to reach the listeners that an event of a server has so far. */
export function filterEvent<A extends unknown[]>(
  server: Http2Server,
  event: string,
  admit: (...values: A) => boolean,
): void {
  const listeners = server.listeners(event);
  server.removeAllListeners(event);
  server.on(event, (...values: unknown[]) => {
    if (!admit(...(values as A))) return;
    for (const listener of listeners) listener.apply(server, values);
  });
}
