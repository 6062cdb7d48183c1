// Adds so many events by addBulk in 500s. Arguments: port of Redis, count.
import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';

const [port, count] = process.argv.slice(2).map(Number);
const queue = new Queue('bench', {
  connection: { host: '127.0.0.1', port },
  defaultJobOptions: { removeOnComplete: true, attempts: 1 },
});
for (let added = 0; added < count;) {
  const events = Array.from({ length: Math.min(500, count - added) }, (_, i) => ({
    name: 'event',
    data: {
      eventId: randomUUID(),
      type: (added + i) % 2 === 0 ? 'page_view' : 'user_login',
      timestamp: Date.now(),
    },
  }));
  await queue.addBulk(events);
  added += events.length;
}
await queue.close();
