import type { LetterOutcome } from '../dead-letters';
import { isEventText } from '../event-text';
import { chunkEnds, encodeFreshChunk } from './event-chunk';
import type { DeadLetterRecord, PartitionRecords } from './partition-records';

interface MovedLetters {
  readonly found: readonly DeadLetterRecord[];
  /** For each letter that was asked for. */
  readonly outcomes: LetterOutcome[];
}

/** Puts dead letters at the end of the pending events, as events that have never failed. */
export function redriveLetters(
  records: PartitionRecords,
  letters: readonly number[],
): LetterOutcome[] {
  const { found, outcomes } = takeOut(records, letters, ({ body }) => isEventText(body));
  if (found.length === 0) return outcomes;
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
  return outcomes;
}

/** Drops dead letters for good. */
export function purgeLetters(
  records: PartitionRecords,
  letters: readonly number[],
): LetterOutcome[] {
  const { found, outcomes } = takeOut(records, letters, () => true);
  if (found.length === 0) return outcomes;
  const state = records.state();
  state.dead -= found.length;
  state.purged += found.length;
  for (const { body } of found) state.bytes -= Buffer.byteLength(body);
  records.putState(state);
  return outcomes;
}

/** Removes the letters that are there and may move; one that is named twice is gone the second time. */
function takeOut(
  records: PartitionRecords,
  letters: readonly number[],
  mayMove: (letter: DeadLetterRecord) => boolean,
): MovedLetters {
  const found: DeadLetterRecord[] = [];
  const outcomes = letters.map((letter): LetterOutcome => {
    const record = records.deadLetter(letter);
    if (record === undefined) return 'gone';
    if (!mayMove(record)) return 'refused';
    records.remove(records.keys.dead(letter));
    found.push(record);
    return 'moved';
  });
  return { found, outcomes };
}
