import { PipelineError } from '@event-pipeline/runtime';
import {
  MAX_ASKED_IDS,
  MAX_BATCH_EVENTS,
  type EnqueueBatch,
  type ReceiveRequest,
  type SettleException,
} from './queue';
import { isEventText } from './event-text';
import { PackedEvents } from './packed-events';
import { MAX_DEAD_LETTERS, type DeadLetterPageRequest } from './dead-letters';
import { MAX_PARTITIONS, type Partitioning } from './partitioning';

/** What every engine refuses before it touches anything; a caller that sees one of these has a bug. */
function refuse(what: string): never {
  throw new PipelineError('INVALID_ARGUMENT', what);
}

const MAX_ANSWER_LENGTH = 65_536;

/** A partition that was given up of late may still be asked for what it remembers. */
export function checkPartition(partition: number, { count, earlier }: Partitioning): void {
  if (
    !Number.isInteger(partition) ||
    partition < 0 ||
    partition >= Math.max(count, ...earlier.map((era) => era.count))
  ) {
    refuse(`there is no partition ${partition} (partitions: ${count})`);
  }
}

export function checkPartitionCount(count: number): void {
  if (!isCount(count) || count > MAX_PARTITIONS) {
    refuse(`${count} partitions; expected 1 to ${MAX_PARTITIONS}`);
  }
}

const BATCH_ID = /^[A-Za-z0-9.:/-]{1,128}$/;

export function checkBatchIds(ids: readonly string[]): void {
  if (ids.length > MAX_ASKED_IDS) refuse(`${ids.length} batch ids at once`);
  for (const id of ids) if (!BATCH_ID.test(id)) refuse(`"${id.slice(0, 128)}" is no batch id`);
}

export function checkBatches(batches: readonly EnqueueBatch[]): void {
  for (const { id, digest, answer, bodies, rememberMs, generation = 0 } of batches) {
    if (!BATCH_ID.test(id)) refuse(`"${id.slice(0, 128)}" is no batch id`);
    if (!Number.isInteger(generation) || generation < 0) refuse(`batch ${id}: generation`);
    if (digest.length > 128 || digest.includes('\n')) refuse(`batch ${id}: digest malformed`);
    if (answer.length > MAX_ANSWER_LENGTH) refuse(`batch ${id}: answer too long`);
    if (!Number.isInteger(rememberMs) || rememberMs < 1) refuse(`batch ${id}: rememberMs`);
    if (bodies.length > MAX_BATCH_EVENTS) {
      refuse(`batch ${id} has ${bodies.length} events, at most ${MAX_BATCH_EVENTS} are allowed`);
    }
    if (bodies instanceof PackedEvents) continue;
    for (const body of bodies) {
      if (!isEventText(body)) refuse(`batch ${id}: an event does not begin with "{"`);
    }
  }
}

export function checkReceive(request: ReceiveRequest): void {
  const { maxEvents, maxBytes, leaseMs, leaseId } = request;
  if (!isCount(maxEvents) || maxEvents > MAX_BATCH_EVENTS) refuse(`maxEvents ${maxEvents}`);
  if (!isCount(maxBytes)) refuse(`maxBytes ${maxBytes}`);
  if (!isCount(leaseMs)) refuse(`leaseMs ${leaseMs}`);
  if (!/^[0-9a-f-]{36}$/.test(leaseId)) refuse(`"${leaseId}" is no lease id`);
}

/** Indexes must be within the lease and rise, so that no event is named twice. */
export function checkExceptions(size: number, exceptions: readonly SettleException[]): void {
  let last = -1;
  for (const exception of exceptions) {
    const { index } = exception;
    if (!Number.isInteger(index) || index <= last || index >= size) refuse(`event index ${index}`);
    if ('delayMs' in exception && !(exception.delayMs >= 0)) refuse('delayMs');
    last = index;
  }
}

/** Ids of dead letters, in the form of the engine. */
export function checkLetterIds(ids: readonly string[], form: RegExp): void {
  if (ids.length > MAX_DEAD_LETTERS) refuse(`${ids.length} dead letters at once`);
  for (const id of ids)
    if (!form.test(id)) refuse(`"${id.slice(0, 64)}" is no id of a dead letter`);
}

export function checkLetterPage(request: DeadLetterPageRequest, form: RegExp): void {
  const { after, upTo, maxLetters, maxBytes } = request;
  if (!isCount(maxLetters) || maxLetters > MAX_DEAD_LETTERS) refuse(`maxLetters ${maxLetters}`);
  if (!isCount(maxBytes)) refuse(`maxBytes ${maxBytes}`);
  const bounds = [after, upTo].filter((id) => id !== undefined);
  checkLetterIds(bounds, form);
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}
