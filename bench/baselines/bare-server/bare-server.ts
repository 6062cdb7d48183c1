// A grpc-js server with generated code that decodes and counts, and keeps nothing. With BENCH_REDIS its
// unary method writes each event by one LPUSH first.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { EventServiceService, type EventServiceServer } from '@event-pipeline/contracts';
import { Redis } from 'ioredis';

const counts = { events: 0, failed: 0 };
const url = process.env['BENCH_REDIS'];
const redis = url === undefined ? undefined : new Redis(url);

const service: EventServiceServer = {
  streamEvents(call, callback) {
    let received = 0;
    call.on('data', () => (received += 1));
    call.on('error', () => (counts.failed += 1));
    call.on('end', () => {
      counts.events += received;
      callback(null, { success: true, received, accepted: received, rejected: 0, rejections: [] });
    });
  },
  publishEventStream(call) {
    call.on('data', ({ batchId, events }) => {
      counts.events += events.length;
      call.write({ batchId, accepted: events.length, rejections: [], duplicate: false });
    });
    call.on('error', () => (counts.failed += 1));
    call.on('end', () => call.end());
  },
  publishEvents({ request: { batchId, events } }, callback) {
    const answer = () => {
      counts.events += events.length;
      callback(null, { batchId, accepted: events.length, rejections: [], duplicate: false });
    };
    if (redis === undefined) return answer();
    const [event] = events;
    const text = JSON.stringify({ ...event, data: undefined, attributes: undefined });
    redis.lpush('event_queue', text).then(answer, (error: Error) => {
      counts.failed += 1;
      callback(error);
    });
  },
};

const server = new Server({ 'grpc.max_receive_message_length': 4 * 1_048_576 });
server.addService(EventServiceService, service);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  const pages = createServer((_, response) => {
    response.end(`events ${counts.events}\nfailed ${counts.failed}\n`);
  });
  pages.listen(0, '127.0.0.1', () => {
    const at = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
    process.stdout.write(`${JSON.stringify({ msg: 'ready', port, url: at })}\n`);
  });
});

// By exit, so that a profile is written.
process.on('SIGTERM', () => process.exit(0));
