import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeStoredEvent, Event } from '@event-pipeline/contracts';
import { queueConfigFields, type DeadReason, type Queue } from '@event-pipeline/queue';
import { createQueue } from '@event-pipeline/queue/create';
import { batchOf, take } from '@event-pipeline/queue/testing';
import { defineConfig, loadConfig, systemClock, systemRandom } from '@event-pipeline/runtime';
import { createLogSink } from '@event-pipeline/telemetry/testing';

/** A queue in a folder of its own, and what a test does to it beside the command. */
export interface QueueFolder {
  readonly url: string;
  readonly queue: Queue;
  dispose(): Promise<void>;
}

export async function createQueueFolder(partitions = 1): Promise<QueueFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'queue-cli-'));
  const url = `embedded:${folder}`;
  const queue = await openQueue(url);
  await queue.resize(partitions);
  return {
    url,
    queue,
    dispose: async () => {
      await queue.close();
      await rm(folder, { recursive: true });
    },
  };
}

export function openQueue(url: string, name = 'event_queue'): Promise<Queue> {
  const config = loadConfig(defineConfig(queueConfigFields), { QUEUE_URL: url, QUEUE_NAME: name });
  const { logger } = createLogSink();
  return createQueue(config, { clock: systemClock, random: systemRandom, logger });
}

export interface Death {
  readonly type?: string;
  readonly reason?: DeadReason;
  readonly handler?: string;
  readonly error?: string;
  readonly partition?: number;
  readonly traceparent?: string;
  /** Instead of an event. */
  readonly body?: string;
}

/** An event with a number of its own, as the collector stores it. */
export function storedEvent(n: number, { type = 'page_view', traceparent }: Death = {}): string {
  const event = Event.fromPartial({
    eventId: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
    type,
    timestamp: 1_700_000_000_000 + n,
    attributes: traceparent === undefined ? new Map() : new Map([['traceparent', traceparent]]),
    data: Buffer.from(`{"n":${n}}`),
  });
  return encodeStoredEvent(event, 1_700_000_001_000);
}

const AT_ONCE = 500;

/** Makes a dead letter for each of the deaths; nothing else may be pending in their partitions. */
export async function bury(queue: Queue, deaths: readonly Death[]): Promise<void> {
  const numbered = deaths.map((death, n) => ({ partition: 0, ...death, n }));
  for (const partition of new Set(numbered.map((death) => death.partition))) {
    const own = numbered.filter((death) => death.partition === partition);
    for (let from = 0; from < own.length; from += AT_ONCE) {
      const some = own.slice(from, from + AT_ONCE);
      const bodies = some.map(({ n, ...death }) => death.body ?? storedEvent(n, death));
      await queue.enqueue(partition, [batchOf(bodies)]);
      const lease = await take(queue, { partition, maxEvents: AT_ONCE });
      const exceptions = some.map(
        ({ reason = 'permanent-error', handler = 'h', error = 'no' }, index) =>
          ({ index, outcome: 'dead', reason, error, handler }) as const,
      );
      await queue.settle(lease, exceptions);
    }
  }
}
