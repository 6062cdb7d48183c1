// Sends one event, then many:
//
//     node send-events.mjs localhost:50051
import { PublishError, Publisher } from '@event-pipeline/publisher';

const publisher = new Publisher({ collectors: process.argv[2] ?? 'localhost:50051' });

// Resolves when the event is in the queue, or says why it is not.
try {
  const { eventId } = await publisher.publish({
    type: 'user_login',
    data: { account: 'ada' },
    source: 'web',
  });
  console.log(`${eventId} is in the queue`);
} catch (error) {
  if (!(error instanceof PublishError)) throw error;
  const doubt = error.mayBeQueued ? ', but it may be in the queue' : '';
  console.log(`not acknowledged: ${error.code}${doubt}: ${error.message}`);
}

// Takes a list or a stream of any length: it is read as fast as there is room, and no faster.
function* pageViews() {
  for (let page = 1; page <= 9_999; page += 1) yield { type: 'page_view', data: { page } };
  yield { type: 'no type has spaces' };
}
const { accepted, failed, failures } = await publisher.publishMany(pageViews());
console.log(`${accepted} accepted, ${failed} failed`);
for (const { index, error } of failures) console.log(`event ${index}: ${error.message}`);

// Sends what is left, and ends the connections: without it the process goes on.
await publisher.close();
