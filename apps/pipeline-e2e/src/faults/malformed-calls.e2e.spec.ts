import { randomUUID } from 'node:crypto';
import { constants } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { PublishEventsRequest } from '@event-pipeline/contracts';
import { startCollector, type Program } from '../harness/program';
import { embeddedEngine } from '../harness/queue-engine';
import {
  framed,
  rawCall,
  STREAM_EVENTS,
  type RawCallOptions,
  type RawEnd,
} from '../harness/raw-call';
import { Scratch } from '../harness/scratch';

const MAX_REQUEST_BYTES = 262_144;

const scratch = new Scratch();
let program: Program;
let address: string;
beforeAll(async () => {
  const { variables } = await embeddedEngine(scratch);
  const limits = { COLLECTOR_MAX_REQUEST_BYTES: String(MAX_REQUEST_BYTES) };
  ({ program, address } = await startCollector({ ...variables, ...limits }, scratch));
});
afterAll(() => scratch.clean());

const validRequest = (): Buffer =>
  Buffer.from(
    PublishEventsRequest.encode(
      PublishEventsRequest.fromPartial({
        events: [{ eventId: randomUUID(), type: 'page_view', timestamp: 1_767_225_600_000 }],
      }),
    ).finish(),
  );

const valid = (headers: RawCallOptions['headers'] = {}): RawCallOptions => ({
  headers,
  body: [framed(validRequest())],
});
const gzip = { 'grpc-encoding': 'gzip' };
const compressed = (bytes: Uint8Array, headers: RawCallOptions['headers'] = gzip) => ({
  headers,
  body: [framed(bytes, { compressed: true })],
});
const pairs = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`x-${n}`, 'v']));

const CALLS: readonly [what: string, call: RawCallOptions, end: RawEnd][] = [
  ['a valid request', valid(), { grpcStatus: status.OK }],
  [
    'a request that says it has 2 GiB',
    { body: [framed(Buffer.alloc(16), { length: 2 ** 31 })], ends: false },
    { grpcStatus: status.RESOURCE_EXHAUSTED },
  ],
  [
    'a request above the limit',
    { body: [framed(Buffer.alloc(MAX_REQUEST_BYTES + 1))] },
    { grpcStatus: status.RESOURCE_EXHAUSTED },
  ],
  ['a compressed request', compressed(gzipSync(validRequest())), { grpcStatus: status.OK }],
  [
    'a small request that unpacks to 64 MiB',
    compressed(gzipSync(Buffer.alloc(64 * 1_048_576))),
    { grpcStatus: status.RESOURCE_EXHAUSTED },
  ],
  [
    'a compressed request that is not',
    compressed(Buffer.from('not gzip at all')),
    { grpcStatus: status.INTERNAL },
  ],
  [
    'an unknown compression',
    compressed(validRequest(), { 'grpc-encoding': 'br' }),
    { grpcStatus: status.UNIMPLEMENTED },
  ],
  [
    'a compressed request without the name of its compression',
    compressed(gzipSync(validRequest()), {}),
    { grpcStatus: status.INVALID_ARGUMENT },
  ],
  [
    'a request that ends before its length',
    { body: [framed(validRequest(), { length: 1_000 })] },
    { grpcStatus: status.UNIMPLEMENTED },
  ],
  [
    'a stream that ends before the length of its event',
    { path: STREAM_EVENTS, body: [framed(Buffer.alloc(3), { length: 1_000 })] },
    { grpcStatus: status.OK },
  ],
  ['a unary call without a request', {}, { grpcStatus: status.UNIMPLEMENTED }],
  [
    'a unary call with two requests',
    { body: [framed(validRequest()), framed(validRequest())] },
    { grpcStatus: status.UNIMPLEMENTED },
  ],
  [
    'a time limit of 600 hours',
    valid({ 'grpc-timeout': '600H' }),
    { grpcStatus: status.DEADLINE_EXCEEDED },
  ],
  [
    'a time limit of 99,999,999 hours',
    valid({ 'grpc-timeout': '99999999H' }),
    { grpcStatus: status.OK },
  ],
  ['a time limit that is none', valid({ 'grpc-timeout': 'abc' }), { grpcStatus: status.INTERNAL }],
  ['metadata of 8 KiB', valid({ 'x-large': 'v'.repeat(8_000) }), { grpcStatus: status.OK }],
  [
    'metadata of 130 KB',
    valid({ 'x-large': 'v'.repeat(130_000) }),
    { reset: constants.NGHTTP2_REFUSED_STREAM },
  ],
  [
    'metadata of 500 KB',
    valid({ 'x-large': 'v'.repeat(500_000) }),
    { reset: constants.NGHTTP2_REFUSED_STREAM },
  ],
  ['200 pairs of metadata', valid(pairs(200)), { reset: constants.NGHTTP2_ENHANCE_YOUR_CALM }],
  [
    'a method that there is not',
    { path: '/event.EventService/Nothing', body: [framed(Buffer.alloc(0))] },
    { grpcStatus: status.UNIMPLEMENTED },
  ],
  [
    'a service that there is not',
    { path: '/other.Service/Method', body: [framed(Buffer.alloc(0))] },
    { grpcStatus: status.UNIMPLEMENTED },
  ],
  [
    'another content type',
    valid({ 'content-type': 'application/json' }),
    { httpStatus: constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE },
  ],
];

describe('a call that breaks the rules', () => {
  it.each(CALLS)('is answered, and costs nobody else anything: %s', async (_, call, end) => {
    const got = await rawCall(address, call);
    expect(got).toMatchObject(end);
    expect(await rawCall(address, valid())).toMatchObject({ grpcStatus: status.OK });
    expect(program.running).toBe(true);
  });
});
