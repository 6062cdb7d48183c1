// Makes the stream and publishes so many events, 500 at a time. Arguments: port, count.
import { randomUUID } from 'node:crypto';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';

const [port, count] = process.argv.slice(2).map(Number);
const connection = await connect({ servers: `127.0.0.1:${port}` });
const manager = await jetstreamManager(connection);
await manager.streams.add({
  name: 'events',
  subjects: ['events'],
  storage: 'file',
  retention: 'workqueue',
});
await manager.consumers.add('events', {
  durable_name: 'worker',
  ack_policy: 'explicit',
  max_ack_pending: 50_000,
});
const client = jetstream(connection);
for (let sent = 0; sent < count;) {
  const size = Math.min(500, count - sent);
  const publishes = Array.from({ length: size }, (_, i) =>
    client.publish(
      'events',
      JSON.stringify({
        eventId: randomUUID(),
        type: (sent + i) % 2 === 0 ? 'page_view' : 'user_login',
        timestamp: Date.now(),
      }),
    ),
  );
  await Promise.all(publishes);
  sent += size;
}
const { state } = await manager.streams.info('events');
if (state.messages !== count) throw new Error(`the stream has ${state.messages} messages`);
await connection.drain();
