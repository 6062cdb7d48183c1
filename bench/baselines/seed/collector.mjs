// One LPUSH an event, from the data event of the stream.
import grpc from '@grpc/grpc-js';
import { createClient } from 'redis';
import { serveCounts } from '../counts.mjs';
import { EventService } from './service.mjs';

const counts = { failed: 0 };
const redisClient = createClient({ url: process.env.BENCH_REDIS });
await redisClient.connect();

const server = new grpc.Server();
server.addService(EventService.service, {
  StreamEvents(call, callback) {
    call.on('data', async (event) => {
      try {
        await redisClient.lPush('event_queue', JSON.stringify(event));
      } catch {
        counts.failed += 1;
      }
    });
    call.on('error', () => (counts.failed += 1));
    call.on('end', () => callback(null, { success: true }));
  },
});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  serveCounts(counts, port);
});
