/**
 * A program for publisher.e2e.spec.ts, which kills it: publishes events from number `first` to `end`, and
 * says "saved N" whenever those before N are on disk or acknowledged; then sends what it has, and what
 * earlier runs have left, and says "done".
 *
 *     node spilling-producer.js ADDRESS FOLDER FIRST END
 */
import { Publisher } from '@event-pipeline/publisher';
import { openSpill } from '@event-pipeline/publisher/spill';
import { eventId } from './events-file';

const CHUNK = 250;
const [collectors = '', folder = '', first, end] = process.argv.slice(2);

async function main(): Promise<void> {
  const spill = await openSpill({ folder, onDamage: (message) => console.log(message) });
  const publisher = new Publisher({
    collectors,
    spill,
    connections: 2,
    maxBatchEvents: 100,
    maxUnacknowledgedEvents: 5_000,
    closeTimeoutMs: 100_000,
    deadlineMs: 120_000,
    observer: {
      onRecoveredFailed: (events, error) => console.log(`lost ${events}: ${error.message}`),
    },
  });
  const open: Promise<unknown>[] = [];
  for (let next = Number(first); next < Number(end); next += CHUNK) {
    const events = Array.from({ length: CHUNK }, (_, i) => ({
      eventId: eventId(next + i),
      type: 'spilled',
    }));
    open.push(publisher.publishMany(events));
    await publisher.saved();
    console.log(`saved ${next + CHUNK}`);
  }
  await Promise.all(open);
  await publisher.recovered();
  await publisher.close();
  console.log('done');
}

void main();
