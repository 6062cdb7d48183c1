// BLPOP, one by one; an event is parsed and that is all.
import { createClient } from 'redis';
import { serveCounts } from '../counts.mjs';

const counts = { events: 0, failed: 0 };
const redisClient = createClient({ url: process.env.BENCH_REDIS });
await redisClient.connect();
serveCounts(counts);

for (;;) {
  const result = await redisClient.blPop('event_queue', 0);
  const event = JSON.parse(result.element);
  if (event.type === '') counts.failed += 1;
  counts.events += 1;
}
