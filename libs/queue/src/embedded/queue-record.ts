import { PipelineError } from '@event-pipeline/runtime';
import type { Key, RootDatabase } from 'lmdb';
import { FORMAT, queueKey } from './layout';

/** What is known of a queue as a whole. */
export interface QueueRecord {
  readonly format: number;
  readonly partitions: number;
}

const NAME_FORM = /^[A-Za-z0-9_.:-]{1,128}$/;

/** Within a transaction: reads the queue's record, or makes the queue with one partition. */
export function openQueueRecord(db: RootDatabase<Buffer, Key>, name: string): QueueRecord {
  if (!NAME_FORM.test(name)) {
    throw new PipelineError(
      'CONFIG_INVALID',
      `QUEUE_NAME "${name}" cannot be used: letters, digits, "_", ".", ":" and "-", at most 128`,
    );
  }
  const stored = db.getBinary(queueKey(name));
  if (stored === undefined) {
    const made: QueueRecord = { format: FORMAT, partitions: 1 };
    db.putSync(queueKey(name), Buffer.from(JSON.stringify(made)));
    return made;
  }
  const record = JSON.parse(Buffer.from(stored).toString()) as QueueRecord;
  if (record.format !== FORMAT) {
    throw new PipelineError(
      'CONFIG_INVALID',
      `queue "${name}" was written in format ${record.format}, this version reads ${FORMAT}: use the version that wrote it, or another folder`,
    );
  }
  if (!Number.isInteger(record.partitions) || record.partitions < 1) {
    throw new PipelineError('QUEUE_CORRUPT', `the record of queue "${name}" is damaged`);
  }
  return record;
}
