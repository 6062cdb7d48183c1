// An empty processor. Arguments: port of Redis, concurrency.
import { Worker } from 'bullmq';
import { serveCounts } from '../counts.mjs';

const [port, concurrency] = process.argv.slice(2).map(Number);
const counts = { events: 0, failed: 0 };
const worker = new Worker('bench', async () => undefined, {
  connection: { host: '127.0.0.1', port, maxRetriesPerRequest: null },
  concurrency,
});
worker.on('completed', () => (counts.events += 1));
worker.on('failed', () => (counts.failed += 1));
worker.on('error', () => (counts.failed += 1));
serveCounts(counts);
