import { randomUUID } from 'node:crypto';
import { systemRandom } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import { parseRedisUrl } from '../../redis-location';
import { openRedisQueue } from '../redis-queue';

/**
 * A program that takes one event through the queue at the URL in its first argument and says what
 * came of it, then ends: whom Node.js trusts is settled when a process starts.
 */
async function main(url: string): Promise<void> {
  const say = (fields: object, msg: string) => console.log(JSON.stringify({ ...fields, msg }));
  const logger = { info: say, warn: say, error: say, debug: () => undefined } as unknown as Logger;
  const queue = await openRedisQueue(
    {
      location: parseRedisUrl(url),
      name: 'q',
      limits: { maxEvents: 0, maxBytes: 0 },
      commandTimeoutMs: 2_000,
    },
    { random: systemRandom, logger },
  );
  try {
    const batch = {
      id: randomUUID(),
      digest: '',
      answer: '',
      rememberMs: 1_000,
      bodies: ['{"n":1}'],
    };
    await queue.enqueue(0, [batch]);
    // On a connection of its own.
    await queue.waitForEvents(0, 10_000, new AbortController().signal);
    const { lease } = await queue.receive({
      partition: 0,
      leaseId: randomUUID(),
      maxEvents: 1,
      maxBytes: 1_000,
      leaseMs: 1_000,
      isolated: 'skip',
    });
    say({ body: lease?.deliveries[0]?.body }, 'received');
  } catch (error) {
    say({ code: (error as { code?: string }).code }, 'failed');
  } finally {
    await queue.close();
  }
}

void main(process.argv[2] ?? '');
