import { resolve } from 'node:path';
import { PipelineError } from '@event-pipeline/runtime';
import type { Key, RootDatabase } from 'lmdb';
import { NAMED_QUEUES, NoSuchQueueError } from '../no-such-queue';
import { BATCH_ID_WINDOW_MS } from '../queue';
import type { PartitionEra, Partitioning } from '../partitioning';
import { FORMAT, queueKey } from './layout';

/** What is known of a queue as a whole. */
export interface QueueRecord {
  readonly format: number;
  readonly partitions: number;
  /** Rises with each change of the number of partitions; absent: 0. */
  readonly generation?: number;
  /** Earlier numbers and when they ended, Unix ms, latest first. */
  readonly was?: readonly (PartitionEra & { readonly endedAt: number })[];
}

/** No control characters: lmdb's order of keys does not hold for them. */
const NAME_FORM = /^\P{Cc}{1,128}$/u;

export function checkQueueName(name: string): void {
  if (NAME_FORM.test(name)) return;
  throw new PipelineError(
    'CONFIG_INVALID',
    `QUEUE_NAME "${name}" cannot be used: 1 to 128 printable characters are expected`,
  );
}

/** Within a transaction: makes the queue, with one partition, unless somebody else just did. */
export function makeQueueRecord(
  db: RootDatabase<Buffer, Key>,
  name: string,
  record: QueueRecord = { format: FORMAT, partitions: 1 },
): QueueRecord {
  const made = readQueueRecord(db, name);
  if (made !== undefined) return made;
  db.putSync(queueKey(name), Buffer.from(JSON.stringify(record)));
  return record;
}

/** Undefined where there is no queue of that name yet. */
export function readQueueRecord(
  db: RootDatabase<Buffer, Key>,
  name: string,
): QueueRecord | undefined {
  const stored = db.getBinary(queueKey(name));
  if (stored === undefined) return undefined;
  const record = JSON.parse(Buffer.from(stored).toString()) as QueueRecord;
  if (record.format !== FORMAT) {
    throw new PipelineError(
      'CONFIG_INVALID',
      `queue "${name}" was written in format ${record.format}, this version reads ${FORMAT}: ` +
        'use the version that wrote it, or another folder',
    );
  }
  if (!Number.isInteger(record.partitions) || record.partitions < 1) {
    throw new PipelineError('QUEUE_CORRUPT', `the record of queue "${name}" is damaged`);
  }
  return record;
}

/**
 * Within a read.
 *
 * @throws PipelineError CONFIG_INVALID that names the queues that are there
 */
export function refuseUnknownQueue(
  db: RootDatabase<Buffer, Key>,
  { name, path }: { readonly name: string; readonly path: string },
): void {
  if (readQueueRecord(db, name) === undefined)
    throw new NoSuchQueueError(name, resolve(path), queueNames(db));
}

/** The queues of the folder, as many as are ever named: each found by one look, past what it holds. */
function queueNames(db: RootDatabase<Buffer, Key>): string[] {
  const names: string[] = [];
  let name = queueBehind(db, []);
  while (name !== undefined && names.length <= NAMED_QUEUES) {
    names.push(name);
    // The record is the last of what a queue has: numbers sort before texts.
    name = queueBehind(db, [name, 'queue', 0]);
  }
  return names;
}

function queueBehind(db: RootDatabase<Buffer, Key>, start: Key): string | undefined {
  const [key] = [...db.getKeys({ start, limit: 1 })];
  const name = Array.isArray(key) ? key[0] : undefined;
  return typeof name === 'string' ? name : undefined;
}

/** The partitions as the record has them at the time `now`. */
export function partitioningOf(record: QueueRecord, now: number): Partitioning {
  const { partitions, generation = 0 } = record;
  const earlier = latelyEnded(record, now).map(({ generation, count }) => ({ generation, count }));
  return { count: partitions, generation, earlier };
}

/** Within a transaction: changes the number of partitions. */
export function putPartitionCount(
  db: RootDatabase<Buffer, Key>,
  name: string,
  record: QueueRecord,
  partitions: number,
  now: number,
): QueueRecord {
  const { generation = 0, partitions: count } = record;
  const changed: QueueRecord = {
    ...record,
    partitions,
    generation: generation + 1,
    was: [{ generation, count, endedAt: now }, ...latelyEnded(record, now)],
  };
  db.putSync(queueKey(name), Buffer.from(JSON.stringify(changed)));
  return changed;
}

function latelyEnded({ was = [] }: QueueRecord, now: number) {
  return was.filter(({ endedAt }) => endedAt > now - BATCH_ID_WINDOW_MS);
}
