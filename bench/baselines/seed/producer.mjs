// Writes so many events to one stream. Arguments: address, count.
import { randomUUID } from 'node:crypto';
import grpc from '@grpc/grpc-js';
import { EventService } from './service.mjs';

const [address, count] = process.argv.slice(2);
const client = new EventService(address, grpc.credentials.createInsecure());
const call = client.StreamEvents((error, response) => {
  if (error !== null || response.success !== true) {
    console.error(error?.message ?? 'no success');
    process.exitCode = 1;
  }
  client.close();
});
for (let i = 0; i < Number(count); i += 1) {
  call.write({
    eventId: randomUUID(),
    type: i % 2 === 0 ? 'page_view' : 'user_login',
    timestamp: Date.now(),
  });
}
call.end();
