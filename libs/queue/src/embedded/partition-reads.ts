import type { QueueStats } from '../queue';
import type { Sight } from './event-watch';
import { numbersOf, type PartitionRecords } from './partition-records';
import { heldEvents } from './partition-state';
import { isReady } from './receive-events';

/** Counts and depths, with the body of the event that is next in line. */
export function readStats(records: PartitionRecords): QueueStats {
  const state = records.state();
  const oldestPending = nextInLine(records);
  return {
    enqueued: state.enqueued,
    pending: state.pending,
    suspect: state.suspect,
    leased: state.leased,
    delayed: state.delayed,
    processed: state.processed,
    dead: state.dead,
    purged: state.purged,
    retried: state.retried,
    expiredLeases: state.expiredLeases,
    duplicateBatches: state.duplicateBatches,
    leases: state.leases,
    bytes: state.bytes,
    ...(oldestPending !== undefined && { oldestPending }),
  };
}

/** What a waiting worker sees; isolated suspects are no reason for it to look again and again. */
export function lookForEvents(records: PartitionRecords, now: number): Sight {
  const state = records.state();
  return { wakeups: state.wakeups, ready: isReady(records, state, now) };
}

/** What partitions hold together, as limits of depth count it. */
export function heldBy(partitions: readonly PartitionRecords[]): { events: number; bytes: number } {
  const states = partitions.map((records) => records.state());
  return {
    events: states.reduce((sum, state) => sum + heldEvents(state), 0),
    bytes: states.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** Whether a lease has run out or a batch id is to be forgotten. */
export function needsUpkeep(records: PartitionRecords, now: number): boolean {
  return records.first('deadline', 1, now).length > 0 || records.first('expiry', 1, now).length > 0;
}

function nextInLine(records: PartitionRecords): string | undefined {
  const [next] = records.first('pending', 1);
  if (next === undefined) return undefined;
  const [chunk = 0, from = 0] = numbersOf(next);
  return records.chunk(chunk).deliveries(from, from + 1)[0]?.body;
}
