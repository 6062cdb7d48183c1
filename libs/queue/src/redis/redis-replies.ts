import { PipelineError } from '@event-pipeline/runtime';
import type { DeadLetter, DeadLetterPage, LetterOutcome } from '../dead-letters';
import type { Delivery, EnqueueBatch, EnqueueResult, QueueStats, Received } from '../queue';
import type { Partitioning, PartitionEra } from '../partitioning';
import { unpackTexts } from './packed-reply';

/** Turns the scripts' replies into the port's types: the only place that knows their numbers. */

function corrupt(what: string): PipelineError {
  return new PipelineError('QUEUE_CORRUPT', `unexpected reply from Redis: ${what}`);
}

function listOf(reply: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(reply)) throw corrupt(what);
  return reply;
}

export function parseEnqueueReply(
  reply: unknown,
  batches: readonly EnqueueBatch[],
): readonly EnqueueResult[] {
  const replies = listOf(reply, 'enqueue');
  let at = 0;
  return batches.map(() => {
    switch (Number(replies[at++])) {
      case 0:
        return { outcome: 'queued' };
      case 1:
        return { outcome: 'duplicate', answer: String(replies[at++]) };
      case 2:
        return { outcome: 'refused', reason: 'BATCH_ID_REUSED' };
      case 3:
        return { outcome: 'refused', reason: 'QUEUE_FULL' };
      case 4:
        return { outcome: 'refused', reason: 'PARTITIONS_CHANGED' };
      default:
        throw corrupt('enqueue outcome');
    }
  });
}

export function parseReceiveReply(reply: unknown, partition: number, leaseId: string): Received {
  const [list, isolatedWaiting, nextDueMs] = listOf(reply, 'receive');
  if (!Buffer.isBuffer(list)) throw corrupt('lease');
  const [head, ...elements] = unpackTexts(list);
  const deliveries = elements.map(parseElement);
  const due = Number(nextDueMs);
  return {
    ...(deliveries.length > 0
      ? {
          lease: {
            partition,
            id: leaseId,
            size: deliveries.length,
            handedOutAt: handedOutAt(head),
            deliveries,
          },
        }
      : {}),
    isolatedWaiting: Number(isolatedWaiting) > 0,
    ...(due >= 0 ? { nextDueMs: due } : {}),
  };
}

/** The first element says what the lease is made of, and last when it was made. */
function handedOutAt(head = ''): number {
  return Number(head.split(',')[3] ?? 0) || 0;
}

/** What stands before and after the counts of an event that has failed or crashed. */
const MARK = '\u0001';
/** As scripts/element.lua reads it. */
const HEADER = new RegExp(`^${MARK}(\\d{1,9}),(\\d{1,9}),(\\d{1,15})${MARK}`);

/**
 * See scripts/element.lua for how an event lies in a list. What someone else wrote there is an event
 * with that text.
 */
function parseElement(element: string): Delivery {
  const header = element.charCodeAt(0) === 1 ? HEADER.exec(element) : null;
  if (header === null) return { body: element, attempts: 0, crashes: 0, firstFailureAt: 0 };
  const [whole, attempts, crashes, first] = header;
  return {
    body: element.slice(whole.length),
    attempts: Number(attempts),
    crashes: Number(crashes),
    firstFailureAt: Number(first),
  };
}

export function parseReclaimReply(reply: unknown): { events: number; deadEvents: number } {
  const [events, deadEvents] = listOf(reply, 'reclaim');
  return { events: Number(events), deadEvents: Number(deadEvents) };
}

export function parseDeadPageReply(reply: unknown): DeadLetterPage {
  const [entries, full] = listOf(reply, 'dead letters');
  const letters = listOf(entries, 'dead letters').map(parseDeadLetter);
  const last = letters.at(-1);
  return { letters, ...(Number(full) > 0 && last !== undefined ? { next: last.id } : {}) };
}

/** An entry of the stream as XRANGE has it. */
export function parseDeadLetter(entry: unknown): DeadLetter {
  const [id, fields] = listOf(entry, 'dead letter');
  const flat = listOf(fields, 'dead letter').map(String);
  const named = new Map<string, string>();
  for (let i = 0; i + 1 < flat.length; i += 2) named.set(flat[i] ?? '', flat[i + 1] ?? '');
  return {
    id: String(id),
    body: named.get('body') ?? '',
    reason: named.get('reason') ?? '',
    error: named.get('error') ?? '',
    handler: named.get('handler') ?? '',
    attempts: Number(named.get('attempts')),
    crashes: Number(named.get('crashes')),
    firstFailureAt: Number(named.get('first')),
    diedAt: Number(named.get('last')),
  };
}

/** What became of each of `ids`, for redrive and purge. */
export function parseMovedReply(reply: unknown): readonly LetterOutcome[] {
  return listOf(reply, 'dead letters moved').map((outcome) => {
    switch (Number(outcome)) {
      case 0:
        return 'gone';
      case 1:
        return 'moved';
      case 2:
        return 'refused';
      default:
        throw corrupt('outcome of a dead letter');
    }
  });
}

export function parseStatsReply(reply: unknown): QueueStats {
  const [pending, leases, delayed, dead, oldest, counters] = listOf(reply, 'stats');
  const flat = listOf(counters, 'counters');
  const named = new Map<string, number>();
  for (let i = 0; i + 1 < flat.length; i += 2) named.set(String(flat[i]), Number(flat[i + 1]));
  const counter = (name: string) => {
    const value = named.get(name) ?? 0;
    if (Number.isFinite(value)) return value;
    throw corrupt(`the field ${name} of the counters is no counter`);
  };
  return {
    enqueued: counter('enqueued'),
    pending: Number(pending),
    suspect: counter('suspect'),
    leased: counter('leased'),
    delayed: Number(delayed),
    processed: counter('processed'),
    dead: Number(dead),
    purged: counter('purged'),
    retried: counter('retried'),
    expiredLeases: counter('expired_leases'),
    duplicateBatches: counter('duplicate_batches'),
    leases: Number(leases),
    bytes: counter('bytes'),
    ...(typeof oldest === 'string' ? { oldestPending: parseElement(oldest).body } : {}),
  };
}

/** What the record of the partitions says, with a change that is under way. */
export interface PartitionRecord extends Partitioning {
  readonly attempt: number;
  /** The count that the change leads to; 0: none is under way. */
  readonly next: number;
}

export function parsePartitioningReply(reply: unknown): PartitionRecord {
  const numbers = listOf(reply, 'partitioning').map(Number);
  const [generation = 0, count = 1, attempt = 0, next = 0, ...was] = numbers;
  const earlier: PartitionEra[] = [];
  for (let i = 0; i + 1 < was.length; i += 2) {
    earlier.push({ generation: was[i] ?? 0, count: was[i + 1] ?? 1 });
  }
  return { generation, count, attempt, next, earlier };
}

export function parseProposalReply(reply: unknown): { attempt: number; count: number } {
  const [attempt, count] = listOf(reply, 'proposal');
  return { attempt: Number(attempt), count: Number(count) };
}

export function parseRemembersReply(reply: unknown): readonly boolean[] {
  return listOf(reply, 'remembers').map((known) => Number(known) > 0);
}
