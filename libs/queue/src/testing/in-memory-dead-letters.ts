import { checkLetterIds, checkLetterPage } from '../check-arguments';
import type {
  DeadLetter,
  DeadLetterPage,
  DeadLetterPageRequest,
  DeadLetters,
  LetterOutcome,
} from '../dead-letters';
import { MAX_ERROR_LENGTH, type Delivery } from '../queue';
import type { InMemoryPartition } from './in-memory-partition';

const LETTER_ID = /^(?:0|[1-9]\d{0,14})$/;

/** The dead letters of one partition, oldest first; the id of a letter is its number. */
export class Graveyard {
  readonly letters: DeadLetter[] = [];
  private next = 0;

  bury(
    { body, attempts, crashes, firstFailureAt }: Delivery,
    { reason, error, handler }: Pick<DeadLetter, 'reason' | 'error' | 'handler'>,
    now: number,
  ): void {
    this.letters.push({
      id: String(this.next++),
      ...{ body, reason, error: error.slice(0, MAX_ERROR_LENGTH), handler },
      ...{ attempts, crashes, firstFailureAt: firstFailureAt || now, diedAt: now },
    });
  }

  find(id: string): DeadLetter | undefined {
    return this.letters.find((letter) => letter.id === id);
  }

  takeOut(id: string): DeadLetter | undefined {
    const index = this.letters.findIndex((letter) => letter.id === id);
    return index < 0 ? undefined : this.letters.splice(index, 1)[0];
  }
}

/** The port over the dead letters of all partitions. */
export class InMemoryDeadLetters implements DeadLetters {
  constructor(
    private readonly at: (partition: number) => InMemoryPartition,
    private readonly wake: (partition: InMemoryPartition) => void,
  ) {}

  async list(partition: number, request: DeadLetterPageRequest): Promise<DeadLetterPage> {
    const { letters: dead } = this.at(partition).dead;
    checkLetterPage(request, LETTER_ID);
    const { after = '-1', upTo = 'Infinity', maxLetters, maxBytes } = request;
    const letters: DeadLetter[] = [];
    let bytes = 0;
    for (const letter of dead) {
      if (Number(letter.id) <= Number(after) || Number(letter.id) > Number(upTo)) continue;
      bytes += Buffer.byteLength(letter.body) + Buffer.byteLength(letter.error);
      const isFull = letters.length >= maxLetters || (bytes > maxBytes && letters.length > 0);
      const last = letters.at(-1);
      if (isFull && last !== undefined) return { letters, next: last.id };
      letters.push(letter);
    }
    return { letters };
  }

  async get(partition: number, id: string): Promise<DeadLetter | undefined> {
    checkLetterIds([id], LETTER_ID);
    return this.at(partition).dead.find(id);
  }

  async newest(partition: number): Promise<string | undefined> {
    return this.at(partition).dead.letters.at(-1)?.id;
  }

  async redrive(number: number, ids: readonly string[]): Promise<readonly LetterOutcome[]> {
    const partition = this.at(number);
    checkLetterIds(ids, LETTER_ID);
    return ids.map((id) => {
      const outcome = partition.redrive(id);
      if (outcome === 'moved') this.wake(partition);
      return outcome;
    });
  }

  async purge(number: number, ids: readonly string[]): Promise<readonly LetterOutcome[]> {
    const partition = this.at(number);
    checkLetterIds(ids, LETTER_ID);
    return ids.map((id) => partition.purge(id));
  }
}
