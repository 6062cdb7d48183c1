import { PipelineError } from '@event-pipeline/runtime';
import type { Logger } from '@event-pipeline/telemetry';
import type { QueueHealth } from '../queue';
import type { DiskRoom } from './disk-room';

/** What an acknowledgement is worth in a folder, as its disk was last looked at. */
export function guaranteeOf({ isInMemory }: DiskRoom, path: string): QueueHealth {
  return {
    durability: isInMemory ? 'memory' : 'disk',
    detail: isInMemory
      ? `embedded in "${path}", which is on a file system in memory`
      : `embedded in "${path}", every transaction flushed to disk`,
  };
}

export function notOnDisk(path: string): PipelineError {
  return new PipelineError(
    'QUEUE_NOT_DURABLE',
    `"${path}" is on a file system in memory, and QUEUE_STRICT wants a disk: name a folder on one in QUEUE_URL`,
  );
}

export function logGuarantee(guarantee: QueueHealth, logger: Logger): void {
  if (guarantee.durability === 'disk') logger.info(guarantee, 'acknowledged events are on disk');
  else logger.warn(guarantee, 'acknowledged events are lost when the machine stops');
}
