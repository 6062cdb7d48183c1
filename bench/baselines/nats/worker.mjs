// Takes events from a durable pull consumer and acknowledges each. Argument: port.
import { setInterval } from 'node:timers';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { serveCounts } from '../counts.mjs';

const counts = { events: 0, failed: 0, left: -1 };
const connection = await connect({ servers: `127.0.0.1:${process.argv[2]}` });
const consumer = await jetstream(connection).consumers.get('events', 'worker');
serveCounts(counts);

// What the server itself says is left, acknowledgements that it has not seen included.
setInterval(() => {
  consumer.info().then(
    ({ num_pending, num_ack_pending }) => (counts.left = num_pending + num_ack_pending),
    () => (counts.failed += 1),
  );
}, 100);

const messages = await consumer.consume({ max_messages: 5_000 });
for await (const message of messages) {
  if (message.redelivered) counts.failed += 1;
  JSON.parse(message.string());
  message.ack();
  counts.events += 1;
}
