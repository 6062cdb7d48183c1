import {
  sizeOfRuns,
  type LeaseRecord,
  type LeasedRun,
  type PartitionRecords,
} from './partition-records';
import type { PartitionState } from './partition-state';

/**
 * Puts runs of a lease back to where they came from, uncounted. Each run's key is its place in the
 * old order, so nothing has to be rearranged.
 */
export function giveBack(
  records: PartitionRecords,
  state: PartitionState,
  origin: LeaseRecord['origin'],
  runs: readonly LeasedRun[],
): void {
  if (runs.length === 0) return;
  const size = sizeOfRuns(runs);
  switch (origin.kind) {
    case 'queue':
      for (const { chunk, from, to, due } of runs) {
        if (due === undefined) {
          records.putNumber(records.keys.pending(chunk, from), to);
          state.pending += to - from;
        } else {
          records.putNumber(records.keys.delayed(due, chunk, from), to);
          state.delayed += to - from;
        }
      }
      break;
    case 'group':
      records.putJson(records.keys.group(origin.group, origin.part), runs);
      state.suspect += size;
      break;
    case 'isolated':
      records.putJson(records.keys.isolated(origin.group), runs);
      state.suspect += size;
      state.isolated += size;
      break;
  }
  state.wakeups += 1;
}

/** Ends a lease in the books; what becomes of its events is the caller's. */
export function endLease(
  records: PartitionRecords,
  state: PartitionState,
  id: string,
  lease: LeaseRecord,
): void {
  records.remove(records.keys.lease(id));
  records.remove(records.keys.deadline(lease.deadline, id));
  state.leased -= lease.size;
  state.leases -= 1;
}

/** Gives every event of a lease back. */
export function releaseLease(records: PartitionRecords, id: string, lease: LeaseRecord): void {
  const state = records.state();
  endLease(records, state, id, lease);
  giveBack(records, state, lease.origin, lease.runs);
  records.putState(state);
}

/** Makes a lease last until `deadline`. */
export function extendLease(
  records: PartitionRecords,
  id: string,
  lease: LeaseRecord,
  deadline: number,
): void {
  records.remove(records.keys.deadline(lease.deadline, id));
  records.putJson(records.keys.lease(id), { ...lease, deadline });
  records.put(records.keys.deadline(deadline, id), Buffer.alloc(0));
}
