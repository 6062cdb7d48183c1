import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { systemClock } from '@event-pipeline/runtime';
import { startCollector, type Program } from '../harness/program';
import { embeddedEngine } from '../harness/queue-engine';
import { framed, rawCall, rawConnection, STREAM_EVENTS } from '../harness/raw-call';
import { Scratch } from '../harness/scratch';
import { until } from '../harness/until';

const MAX_STREAMS = 50;
/** Far above what these floods cost, far below what they would without limits. */
const MOST_GROWTH_BYTES = 128 * 1_048_576;

const scratch = new Scratch();
const own = new Scratch();
/** An address that floods is kept waiting; each test has one of its own, and those that watch have another. */
let attackerAddress: string;
let attackers = 0;
const OTHER_ADDRESS = '127.0.2.1';
let program: Program;
let address: string;
let atRest: number;
beforeAll(async () => {
  const { variables } = await embeddedEngine(scratch);
  const limits = { COLLECTOR_MAX_STREAMS_PER_CONNECTION: String(MAX_STREAMS) };
  ({ program, address } = await startCollector({ ...variables, ...limits }, scratch));
  await expectServed();
  atRest = residentBytes();
});
beforeEach(() => (attackerAddress = `127.0.1.${++attackers}`));
afterEach(() => own.clean());
afterAll(() => scratch.clean());

function residentBytes(): number {
  const [, kilobytes] =
    /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1_024;
}

/** Another client gets its answer. An empty request is one that is accepted. */
async function expectServed(): Promise<void> {
  const body = [framed(Buffer.alloc(0))];
  const end = await rawCall(address, { body, localAddress: OTHER_ADDRESS });
  expect(end).toMatchObject({ grpcStatus: status.OK });
}

async function expectUnharmed(): Promise<void> {
  await expectServed();
  expect(program.running).toBe(true);
  expect(residentBytes() - atRest).toBeLessThan(MOST_GROWTH_BYTES);
}

function open(): Socket {
  const [host = '', port] = address.split(':');
  const socket = connect({ host, port: Number(port), localAddress: attackerAddress });
  socket.on('error', () => undefined);
  socket.resume();
  own.afterwards(() => socket.destroy());
  return socket;
}

async function openSession(): Promise<ClientHttp2Session> {
  const session = rawConnection(address, attackerAddress);
  own.afterwards(() => session.destroy());
  if (!session.remoteSettings.maxConcurrentStreams) await once(session, 'remoteSettings');
  return session;
}

function openStream(session: ClientHttp2Session): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': STREAM_EVENTS,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  stream.resume();
  return stream;
}

/** A frame of HTTP/2. */
function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}
const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(4, 0, 0, Buffer.alloc(0)),
]);

/** Sends these bytes until the other side closes, at most so often; answers how often it could. */
async function flood(socket: Socket, bytes: Buffer, most: number): Promise<number> {
  let sent = 0;
  const closed = new Promise((resolve) => socket.once('close', resolve));
  for (; sent < most && !socket.destroyed; sent++) {
    if (!socket.write(bytes)) {
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
    }
    if (sent % 64 === 0) await systemClock.sleep(0);
  }
  return sent;
}

describe('the collector is not held up, and does not grow without a limit, by', () => {
  it('many connections that say nothing, or half a greeting', async () => {
    const sockets = Array.from({ length: 500 }, open);
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    sockets.forEach((socket, n) => n % 2 === 0 && socket.write(PREFACE.subarray(0, 10)));
    await expectUnharmed();
  });

  it('streams that send a byte now and then', async () => {
    const session = await openSession();
    const streams = Array.from({ length: MAX_STREAMS }, () => openStream(session));
    const message = framed(Buffer.alloc(100));
    for (let byte = 0; byte < 30; byte++) {
      for (const stream of streams) stream.write(message.subarray(byte, byte + 1));
      await systemClock.sleep(20);
      if (byte % 10 === 0) await expectServed();
    }
    await expectUnharmed();
  });

  it('more streams than a connection may have: the rest is refused', async () => {
    const session = await openSession();
    expect(session.remoteSettings.maxConcurrentStreams).toBe(MAX_STREAMS);
    // A client that does not keep to it.
    const socket = open();
    socket.write(PREFACE);
    const headers = Buffer.from([0x83, 0x86, 0x84, 0x41, 0x01, 0x78]);
    const END_HEADERS = 4;
    const seen = framesOf(socket);
    for (let n = 0; n < 3_000; n++) socket.write(frame(1, END_HEADERS, 2 * n + 1, headers));
    await until(
      'the rest is refused, or the connection given up',
      () => seen.closed || seen.goaway || seen.resets > 2_000,
    );
    await expectUnharmed();
  });

  it('streams that are opened and reset at once: the connection is given up', async () => {
    const socket = open();
    const seen = framesOf(socket);
    socket.write(PREFACE);
    const headers = Buffer.from([0x83, 0x86, 0x84, 0x41, 0x01, 0x78]);
    const cancel = Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]);
    for (let n = 0; n < 20_000 && !seen.goaway; n++) {
      const id = 2 * n + 1;
      socket.write(Buffer.concat([frame(1, 4, id, headers), frame(3, 0, id, cancel)]));
      if (n % 100 === 0) await systemClock.sleep(0);
    }
    await until('the connection is given up', () => seen.goaway, 10_000);
    await expectUnharmed();
  });

  it('headers without an end: the connection is cut', async () => {
    const socket = open();
    socket.write(PREFACE);
    socket.write(frame(1, 0, 1, Buffer.from([0x83, 0x86, 0x84, 0x41, 0x01, 0x78])));
    const name = Buffer.from([0x40, 0x01, 0x78, 0x7f, 0x81, 0x7e]);
    const continuation = frame(9, 0, 1, Buffer.concat([name, Buffer.alloc(16_000, 0x61)]));
    const sent = await flood(socket, continuation, 4_000);
    expect(sent).toBeLessThan(4_000);
    await expectUnharmed();
  });

  it('pings', async () => {
    const socket = open();
    socket.write(PREFACE);
    const pings = Buffer.concat(Array.from({ length: 100 }, () => frame(6, 0, 0, Buffer.alloc(8))));
    await flood(socket, pings, 200);
    await expectUnharmed();
  });

  it('pings whose answers are not read', async () => {
    const socket = open();
    socket.pause();
    socket.write(PREFACE);
    const pings = Buffer.concat(Array.from({ length: 100 }, () => frame(6, 0, 0, Buffer.alloc(8))));
    // The collector may as well stop reading.
    const over = new AbortController();
    await Promise.race([flood(socket, pings, 50_000), systemClock.sleep(3_000, over.signal)]);
    over.abort();
    await expectUnharmed();
  });

  it('a request that says it has 2 GiB, and more and more of it', async () => {
    const session = await openSession();
    const stream = openStream(session);
    stream.write(framed(Buffer.alloc(0), { length: 2 ** 31 }));
    const part = Buffer.alloc(1_048_576);
    await once(stream, 'response');
    for (let n = 0; n < 64 && !stream.destroyed && stream.writable; n++) stream.write(part);
    await systemClock.sleep(500);
    await expectUnharmed();
  });
});

interface SeenFrames {
  /** RST_STREAM. */
  resets: number;
  goaway: boolean;
  closed: boolean;
}

/** What the collector sends on this connection from now on. */
function framesOf(socket: Socket): SeenFrames {
  const seen: SeenFrames = { resets: 0, goaway: false, closed: false };
  let bytes = Buffer.alloc(0);
  socket.on('close', () => (seen.closed = true));
  socket.on('data', (more: Buffer) => {
    bytes = Buffer.concat([bytes, more]);
    while (bytes.length >= 9) {
      const end = 9 + bytes.readUIntBE(0, 3);
      if (bytes.length < end) return;
      if (bytes[3] === 3) seen.resets += 1;
      if (bytes[3] === 7) seen.goaway = true;
      bytes = bytes.subarray(end);
    }
  });
  return seen;
}
