import { PipelineError } from '@event-pipeline/runtime';
import {
  MAX_BATCH_EVENTS,
  type EnqueueBatch,
  type ReceiveRequest,
  type SettleException,
} from './queue';

/** What every engine refuses before it touches anything; a caller that sees one of these has a bug. */
function refuse(what: string): never {
  throw new PipelineError('INVALID_ARGUMENT', what);
}

const MAX_ANSWER_LENGTH = 65_536;

export function checkPartition(partition: number, count: number): void {
  if (!Number.isInteger(partition) || partition < 0 || partition >= count) {
    refuse(`there is no partition ${partition} (partitions: ${count})`);
  }
}

export function checkBatches(batches: readonly EnqueueBatch[]): void {
  for (const { id, digest, answer, bodies, rememberMs } of batches) {
    if (!/^[A-Za-z0-9.:/-]{1,128}$/.test(id)) refuse(`"${id.slice(0, 128)}" is no batch id`);
    if (digest.length > 128 || digest.includes('\n')) refuse(`batch ${id}: digest malformed`);
    if (answer.length > MAX_ANSWER_LENGTH) refuse(`batch ${id}: answer too long`);
    if (!Number.isInteger(rememberMs) || rememberMs < 1) refuse(`batch ${id}: rememberMs`);
    if (bodies.length > MAX_BATCH_EVENTS) {
      refuse(`batch ${id} has ${bodies.length} events, at most ${MAX_BATCH_EVENTS} are allowed`);
    }
    for (const body of bodies) {
      if (body.charCodeAt(0) !== 0x7b) refuse(`batch ${id}: an event does not begin with "{"`);
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
    if (exception.outcome === 'retry' && !(exception.delayMs >= 0)) refuse('delayMs');
    last = index;
  }
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}
