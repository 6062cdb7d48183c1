import { chunkEnds, encodeFreshChunk } from './event-chunk';
import type { DeadLetterRecord, PartitionRecords } from './partition-records';

interface MovedLetters {
  readonly found: readonly DeadLetterRecord[];
  /** For each letter that was asked for. */
  readonly moved: readonly boolean[];
}

/** Puts dead letters at the end of the pending events, as events that have never failed. */
export function redriveLetters(records: PartitionRecords, letters: readonly number[]): boolean[] {
  const { found, moved } = takeOut(records, letters);
  if (found.length === 0) return [...moved];
  const state = records.state();
  const bodies = found.map(({ body }) => body);
  const sizes = bodies.map((body) => Buffer.byteLength(body));
  let from = 0;
  for (const to of chunkEnds(sizes)) {
    const chunk = state.nextChunk++;
    const value = encodeFreshChunk(bodies.slice(from, to), sizes.slice(from, to));
    records.putChunk(chunk, value, to - from);
    records.putNumber(records.keys.pending(chunk, 0), to - from);
    from = to;
  }
  state.dead -= found.length;
  state.pending += found.length;
  state.wakeups += 1;
  records.putState(state);
  return [...moved];
}

/** Drops dead letters for good. */
export function purgeLetters(records: PartitionRecords, letters: readonly number[]): boolean[] {
  const { found, moved } = takeOut(records, letters);
  if (found.length === 0) return [...moved];
  const state = records.state();
  state.dead -= found.length;
  state.purged += found.length;
  for (const { body } of found) state.bytes -= Buffer.byteLength(body);
  records.putState(state);
  return [...moved];
}

/** Removes the letters that are there; one that is named twice is gone the second time. */
function takeOut(records: PartitionRecords, letters: readonly number[]): MovedLetters {
  const found: DeadLetterRecord[] = [];
  const moved = letters.map((letter) => {
    const record = records.deadLetter(letter);
    if (record === undefined) return false;
    records.remove(records.keys.dead(letter));
    found.push(record);
    return true;
  });
  return { found, moved };
}
