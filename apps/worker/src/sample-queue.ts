import { decodeStoredEvent } from '@event-pipeline/contracts';
import type { Queue } from '@event-pipeline/queue';
import type { Clock } from '@event-pipeline/runtime';
import type { PartitionSample, QueueSample } from '@event-pipeline/telemetry';

/** The queue's own counters and depths, for the metrics page. Rejects where it does not answer. */
export async function sampleQueue(queue: Queue, clock: Clock): Promise<QueueSample> {
  const { durability } = await queue.health();
  const partitions: PartitionSample[] = [];
  for (let partition = 0; partition < queue.partitionCount(); partition++) {
    const { oldestPending, ...counts } = await queue.stats(partition);
    const oldestPendingAgeSeconds = ageSeconds(oldestPending, clock.now());
    partitions.push({ partition, ...counts, oldestPendingAgeSeconds });
  }
  return { partitions, durability };
}

/** Undefined for no event, and for a body that is none: whoever wrote it put no time into it. */
function ageSeconds(body: string | undefined, now: number): number | undefined {
  if (body === undefined) return undefined;
  try {
    return Math.max(0, now - decodeStoredEvent(body).receivedAt) / 1_000;
  } catch {
    return undefined;
  }
}
