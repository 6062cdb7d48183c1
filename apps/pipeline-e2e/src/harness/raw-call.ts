import { connect as connectSocket } from 'node:net';
import { connect, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';

/** How a call ended, as it was on the wire. What did not come is undefined. */
export interface RawEnd {
  readonly httpStatus?: number;
  readonly grpcStatus?: number;
  readonly message?: string;
  /** The code of RST_STREAM, where it was not 0. */
  readonly reset?: number;
  /** The code of GOAWAY. */
  readonly goaway?: number;
}

export interface RawCallOptions {
  readonly path?: string;
  /** Where the connection comes from. */
  readonly localAddress?: string;
  readonly headers?: OutgoingHttpHeaders;
  /** What is sent of the body, as it is. */
  readonly body?: readonly Buffer[];
  /** Whether the client ends its side. Default: true. */
  readonly ends?: boolean;
}

export const PUBLISH_EVENTS = '/event.EventService/PublishEvents';
export const STREAM_EVENTS = '/event.EventService/StreamEvents';

/** A connection without any rules of gRPC, from an address of this machine; its errors are no errors of the test. */
export function rawConnection(address: string, localAddress?: string): ClientHttp2Session {
  const [host = '', port] = address.split(':');
  const socket = connectSocket({ host, port: Number(port), localAddress });
  const session = connect(`http://${address}`, { createConnection: () => socket });
  session.on('error', () => undefined);
  return session;
}

/** A message as gRPC frames it; the length may be another than that of the bytes. */
export function framed(
  bytes: Uint8Array,
  { compressed = false, length = bytes.length } = {},
): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(compressed ? 1 : 0, 0);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** Makes one call on a connection of its own and resolves when it has ended in whatever way. */
export async function rawCall(address: string, options: RawCallOptions): Promise<RawEnd> {
  const session = rawConnection(address, options.localAddress);
  try {
    return await rawCallOn(session, options);
  } finally {
    session.destroy();
  }
}

export function rawCallOn(session: ClientHttp2Session, options: RawCallOptions): Promise<RawEnd> {
  const { path = PUBLISH_EVENTS, headers = {}, body = [], ends = true } = options;
  return new Promise((resolve) => {
    const end: { -readonly [K in keyof RawEnd]: RawEnd[K] } = {};
    session.once('goaway', (code: number) => (end.goaway = code));
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    const read = (fields: Record<string, unknown>) => {
      if (fields[':status'] !== undefined) end.httpStatus = Number(fields[':status']);
      if (fields['grpc-status'] !== undefined) end.grpcStatus = Number(fields['grpc-status']);
      const message = fields['grpc-message'];
      if (typeof message === 'string') end.message = decodeURIComponent(message);
      // The server has ended its side; ours would stay open.
      if (end.grpcStatus !== undefined && !ends) stream.close();
    };
    stream.on('response', read);
    stream.on('trailers', read);
    stream.on('error', () => undefined);
    stream.on('close', () => {
      if (stream.rstCode) end.reset = stream.rstCode;
      // A GOAWAY may be read in the same turn, after this.
      setImmediate(() => resolve(end));
    });
    stream.resume();
    for (const bytes of body) stream.write(bytes);
    if (ends) stream.end();
  });
}
