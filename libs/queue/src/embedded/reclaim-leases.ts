import type { Delivery, Reclaimed, ReclaimLimits } from '../queue';
import { forgetBatches } from './batch-memory';
import { putDeadLetter } from './put-dead-letter';
import { encodeChunk } from './event-chunk';
import { endLease } from './give-back';
import { sizeOfRuns, type LeaseRecord, type PartitionRecords, type Run } from './partition-records';
import type { PartitionState } from './partition-state';

/** Batch ids forgotten along the way, so that they go even when nothing is enqueued any more. */
const FORGET_BATCHES = 256;

/**
 * Takes back leases whose time has run out, oldest first.
 *
 * The events come back as suspects in two groups, each half as large, so that an event that ends its
 * worker is alone after a few crashes, and yet a stall of the machine does not turn everything into
 * single deliveries. One that was isolated counts a crash, and becomes a dead letter when it has had
 * its fill.
 */
export function reclaimLeases(
  records: PartitionRecords,
  { maxLeases, maxCrashes }: ReclaimLimits,
  now: number,
): Reclaimed {
  const state = records.state();
  const reclaimed = { leases: 0, events: 0, dead: 0 };
  for (const { place } of records.first('deadline', maxLeases, Math.floor(now))) {
    const [deadline, id] = place as [number, string];
    const lease = records.lease(id);
    if (lease === undefined) {
      records.remove(records.keys.deadline(deadline, id));
      continue;
    }
    endLease(records, state, id, lease);
    state.expiredLeases += 1;
    reclaimed.leases += 1;
    reclaimed.events += lease.size;
    if (lease.origin.kind === 'isolated') {
      reclaimed.dead += countCrash(records, state, lease, maxCrashes, now);
    } else {
      for (const half of halves(lease)) putSuspects(records, state, half);
    }
  }
  if (reclaimed.leases > 0) state.wakeups += 1;
  forgetBatches(records, now, FORGET_BATCHES);
  if (reclaimed.leases > 0) records.putState(state);
  return reclaimed;
}

function putSuspects(records: PartitionRecords, state: PartitionState, runs: readonly Run[]): void {
  const size = sizeOfRuns(runs);
  const group = state.nextGroup++;
  state.suspect += size;
  if (size > 1) return records.putJson(records.keys.group(group, 0), runs);
  state.isolated += 1;
  records.putJson(records.keys.isolated(group), runs);
}

/** Returns how many became dead letters: 0 or 1. */
function countCrash(
  records: PartitionRecords,
  state: PartitionState,
  { runs: [run] }: LeaseRecord,
  maxCrashes: number,
  now: number,
): number {
  if (run === undefined) return 0;
  const [event] = records.chunk(run.chunk).deliveries(run.from, run.to) as [Delivery];
  records.dropFromChunk(run.chunk, 1);
  const crashed = {
    ...event,
    crashes: event.crashes + 1,
    firstFailureAt: event.firstFailureAt || now,
  };
  if (crashed.crashes >= maxCrashes) {
    const error = `the worker ended ${crashed.crashes} times with this event alone in hand`;
    putDeadLetter(records, state, crashed, { reason: 'crashed-worker', error, handler: '', now });
    return 1;
  }
  const chunk = state.nextChunk++;
  records.putChunk(chunk, encodeChunk([crashed]), 1);
  putSuspects(records, state, [{ chunk, from: 0, to: 1 }]);
  return 0;
}

function halves({ runs, size }: LeaseRecord): Run[][] {
  if (size === 1) return [[...runs]];
  const first: Run[] = [];
  const second: Run[] = [];
  let left = Math.ceil(size / 2);
  for (const { chunk, from, to } of runs) {
    const split = Math.min(to, from + left);
    if (split > from) first.push({ chunk, from, to: split });
    if (split < to) second.push({ chunk, from: split, to });
    left -= split - from;
  }
  return [first, second];
}
