import { setImmediate as nextTurn } from 'node:timers/promises';
import { checkLetterIds, checkLetterPage } from '../check-arguments';
import type {
  DeadLetter,
  DeadLetterPage,
  DeadLetterPageRequest,
  DeadLetters,
  LetterOutcome,
} from '../dead-letters';
import { purgeLetters, redriveLetters } from './move-dead-letters';
import {
  numbersOf,
  parseDeadLetter,
  type DeadLetterRecord,
  type PartitionRecords,
} from './partition-records';
import type { QueueFolder } from './queue-folder';

/** The number of a letter; up to here every number is exact. */
const LETTER_ID = /^(?:0|[1-9]\d{0,14})$/;

/** The dead letters in LMDB. The id of a letter is its number; numbers rise and are never used again. */
export class EmbeddedDeadLetters implements DeadLetters {
  constructor(
    private readonly folder: QueueFolder,
    /** The records of a partition for one transaction or one read; refuses one that is none. */
    private readonly recordsOf: (partition: number) => PartitionRecords,
  ) {}

  async list(partition: number, request: DeadLetterPageRequest): Promise<DeadLetterPage> {
    const records = this.recordsOf(partition);
    checkLetterPage(request, LETTER_ID);
    return nextTurn(this.folder.read(() => readPage(records, request)));
  }

  async get(partition: number, id: string): Promise<DeadLetter | undefined> {
    const records = this.recordsOf(partition);
    checkLetterIds([id], LETTER_ID);
    const letter = this.folder.read(() => records.deadLetter(Number(id)));
    return nextTurn(letter && toDeadLetter(Number(id), letter));
  }

  async newest(partition: number): Promise<string | undefined> {
    const records = this.recordsOf(partition);
    const entry = this.folder.read(() => records.last('dead'));
    return nextTurn(entry && String(numbersOf(entry)[0]));
  }

  redrive(partition: number, ids: readonly string[]): Promise<readonly LetterOutcome[]> {
    return this.move(redriveLetters, partition, ids);
  }

  purge(partition: number, ids: readonly string[]): Promise<readonly LetterOutcome[]> {
    return this.move(purgeLetters, partition, ids);
  }

  private async move(
    step: (records: PartitionRecords, letters: readonly number[]) => LetterOutcome[],
    partition: number,
    ids: readonly string[],
  ): Promise<readonly LetterOutcome[]> {
    const records = this.recordsOf(partition);
    checkLetterIds(ids, LETTER_ID);
    if (ids.length === 0) return [];
    return this.folder.transact(() => step(records, ids.map(Number)));
  }
}

function readPage(
  records: PartitionRecords,
  { after, upTo, maxLetters, maxBytes }: DeadLetterPageRequest,
): DeadLetterPage {
  const letters: DeadLetter[] = [];
  let bytes = 0;
  const range = {
    ...(after !== undefined && { from: Number(after) + 1 }),
    ...(upTo !== undefined && { upTo: Number(upTo) }),
  };
  for (const entry of records.each('dead', range)) {
    const [number = 0] = numbersOf(entry);
    const letter = parseDeadLetter(entry.value);
    bytes += Buffer.byteLength(letter.body) + Buffer.byteLength(letter.error);
    if (letters.length > 0 && bytes > maxBytes) return pageBefore(letters);
    letters.push(toDeadLetter(number, letter));
    if (letters.length >= maxLetters) return pageBefore(letters);
  }
  return { letters };
}

/** A page that was cut: others may follow. */
function pageBefore(letters: readonly DeadLetter[]): DeadLetterPage {
  const last = letters.at(-1);
  return last === undefined ? { letters } : { letters, next: last.id };
}

function toDeadLetter(number: number, record: DeadLetterRecord): DeadLetter {
  const { lastFailureAt, ...letter } = record;
  return { id: String(number), ...letter, diedAt: lastFailureAt };
}
