import { numbersOf, type PartitionRecords } from './partition-records';
import type { PartitionState } from './partition-state';

/** Most ids under one key, which bounds what forgetting one entry costs. */
const MAX_IDS_AN_ENTRY = 256;
/** Most entries one transaction forgets, however few ids they hold. */
const MAX_ENTRIES = 64;

/** Notes when batch ids are to be forgotten: one entry for all that were queued together. */
export function rememberBatches(
  records: PartitionRecords,
  state: PartitionState,
  idsByExpiry: ReadonlyMap<number, readonly string[]>,
): void {
  for (const [expiresAt, ids] of idsByExpiry) {
    for (let from = 0; from < ids.length; from += MAX_IDS_AN_ENTRY) {
      const entry = records.keys.expiry(expiresAt, state.nextExpiry++);
      records.putJson(entry, ids.slice(from, from + MAX_IDS_AN_ENTRY));
    }
  }
}

/**
 * Removes batch ids whose time is over: about `limit` of them, so that no call pays for all. Each
 * enqueue removes twice as many as it adds, so what has expired never piles up.
 */
export function forgetBatches(records: PartitionRecords, now: number, limit: number): void {
  let forgotten = 0;
  for (const entry of records.first('expiry', Math.min(limit, MAX_ENTRIES), now)) {
    const [expiresAt = 0, number = 0] = numbersOf(entry);
    for (const id of JSON.parse(entry.value.toString()) as string[]) {
      // Queued again since then, an id has a later entry of its own.
      const batch = records.batch(id);
      if (batch !== undefined && batch.expiresAt <= now) records.remove(records.keys.batch(id));
      forgotten += 1;
    }
    records.remove(records.keys.expiry(expiresAt, number));
    if (forgotten >= limit) return;
  }
}
