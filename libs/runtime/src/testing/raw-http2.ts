import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

/** Frame types of RFC 9113, section 6. */
export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  continuation: 9,
} as const;
const HEADER_BYTES = 9;
const MAX_FRAME_BYTES = 16_384;
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const ACK = 1;
const END_STREAM = 1;
const END_HEADERS = 4;
const CANCEL = 8;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly body: Buffer;
}

/** An HTTP/2 connection, frame by frame: it sends what no well-behaved client would. */
export class RawHttp2 {
  /** What came, in order. */
  readonly frames: Frame[] = [];
  /** The socket is closed, by whichever side. */
  isClosed = false;
  private rest = Buffer.alloc(0);
  private nextStream = 1;
  private greeted = false;

  private constructor(readonly socket: Socket) {
    socket.on('error', () => undefined);
    socket.on('close', () => (this.isClosed = true));
    socket.on('data', (bytes: Buffer) => this.read(bytes));
  }

  /** A TCP connection on which nothing was said. `from` is the address it comes from. */
  static async dial(address: string, from = '127.0.0.1'): Promise<RawHttp2> {
    const [host = '', port = ''] = address.split(':');
    const socket = connect({ host, port: Number(port), localAddress: from });
    const raw = new RawHttp2(socket);
    await once(socket, 'connect').catch(() => undefined);
    return raw;
  }

  /** With the greeting of both sides. */
  static async open(address: string, from?: string): Promise<RawHttp2> {
    const raw = await RawHttp2.dial(address, from);
    raw.greet();
    return raw;
  }

  /** The same over TLS. */
  static async openTls(
    address: string,
    options: ConnectionOptions,
    from = '127.0.0.1',
  ): Promise<RawHttp2> {
    const [host = '', port = ''] = address.split(':');
    const where = { host, port: Number(port), localAddress: from, ALPNProtocols: ['h2'] };
    const socket = connectTls({ ...where, ...options });
    const raw = new RawHttp2(socket);
    await once(socket, 'secureConnect').catch(() => undefined);
    raw.greet();
    return raw;
  }

  greet(): void {
    this.greeted = true;
    this.socket.write(PREFACE);
    this.send(FRAME.settings, 0, 0);
  }

  send(type: number, flags: number, stream: number, body: Buffer = Buffer.alloc(0)): void {
    this.socket.write(frame(type, flags, stream, body));
  }

  /** Begins a call and leaves it open; returns its number. */
  begin(path: string, metadata: Readonly<Record<string, string>> = {}): number {
    const stream = this.nextStream;
    this.nextStream += 2;
    const block = headerBlock(path, metadata);
    const parts = [];
    for (let at = 0; at < block.length; at += MAX_FRAME_BYTES) {
      const isLast = at + MAX_FRAME_BYTES >= block.length;
      const type = at === 0 ? FRAME.headers : FRAME.continuation;
      const part = block.subarray(at, at + MAX_FRAME_BYTES);
      parts.push(frame(type, isLast ? END_HEADERS : 0, stream, part));
    }
    this.socket.write(Buffer.concat(parts));
    return stream;
  }

  data(stream: number, bytes: Buffer, isEnd = false): void {
    this.send(FRAME.data, isEnd ? END_STREAM : 0, stream, bytes);
  }

  reset(stream: number): void {
    const code = Buffer.alloc(4);
    code.writeUInt32BE(CANCEL);
    this.send(FRAME.reset, 0, stream, code);
  }

  ping(): void {
    this.send(FRAME.ping, 0, 0, Buffer.alloc(8));
  }

  /** Sends in one piece what is sent meanwhile. */
  together(send: () => void): void {
    this.socket.cork();
    send();
    this.socket.uncork();
  }

  close(): void {
    this.socket.destroy();
  }

  /** The frames of a kind that came for a stream. */
  of(type: number, stream = 0): readonly Frame[] {
    return this.frames.filter((came) => came.type === type && came.stream === stream);
  }

  /** The error code of the GOAWAY that came; undefined: none did. */
  get goAwayCode(): number | undefined {
    return this.of(FRAME.goAway).at(-1)?.body.readUInt32BE(4);
  }

  private read(bytes: Buffer): void {
    this.rest = Buffer.concat([this.rest, bytes]);
    while (this.rest.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + this.rest.readUIntBE(0, 3);
      if (this.rest.length < end) return;
      const [type = 0, flags = 0] = this.rest.subarray(3, 5);
      const stream = this.rest.readUInt32BE(5);
      this.frames.push({ type, flags, stream, body: this.rest.subarray(HEADER_BYTES, end) });
      this.rest = this.rest.subarray(end);
      if (!this.greeted) continue;
      if (type === FRAME.settings && (flags & ACK) === 0) this.send(FRAME.settings, ACK, 0);
      if (type === FRAME.ping && (flags & ACK) === 0)
        this.send(FRAME.ping, ACK, 0, Buffer.alloc(8));
    }
  }
}

/** A message of gRPC with its prefix; `length` where another one is announced than comes. */
export function grpcMessage(bytes: Buffer, length = bytes.length, isCompressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(isCompressed ? 1 : 0);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, bytes]);
}

function frame(type: number, flags: number, stream: number, body: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUIntBE(body.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, body]);
}

/** Literals without an index (RFC 7541, 6.2.2), so that no state is shared. */
function headerBlock(path: string, metadata: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries({
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'localhost',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...metadata,
  });
  return Buffer.concat(
    entries.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]),
  );
}

function literal(text: string): Buffer {
  const length = [];
  let rest = text.length;
  if (rest < 127) length.push(rest);
  else {
    length.push(127);
    for (rest -= 127; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), Buffer.from(text, 'latin1')]);
}
