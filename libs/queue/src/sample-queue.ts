import type { PartitionSample, QueueSample } from '@event-pipeline/telemetry';
import type { Queue } from './queue';

/**
 * The queue's own counters and depths, for a metrics page. Rejects where the queue does not answer.
 *
 * @param receivedAtOf when an event was received, Unix ms; undefined for a text that does not say
 * @param now Unix ms
 */
export async function sampleQueue(
  queue: Pick<Queue, 'health' | 'partitionCount' | 'stats'>,
  receivedAtOf: (body: string) => number | undefined,
  now: number,
): Promise<QueueSample> {
  const { durability } = await queue.health();
  const partitions: PartitionSample[] = [];
  for (let partition = 0; partition < queue.partitionCount(); partition++) {
    const { oldestPending, ...counts } = await queue.stats(partition);
    const receivedAt = oldestPending === undefined ? undefined : receivedAtOf(oldestPending);
    const age = receivedAt === undefined ? undefined : Math.max(0, now - receivedAt) / 1_000;
    partitions.push({ partition, ...counts, oldestPendingAgeSeconds: age });
  }
  return { partitions, durability };
}
