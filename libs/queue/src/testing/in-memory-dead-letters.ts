import { checkLetterIds, checkLetterPage } from '../check-arguments';
import type {
  DeadLetter,
  DeadLetterPage,
  DeadLetterPageRequest,
  DeadLetters,
} from '../dead-letters';
import { wake, type Partition } from './in-memory-partition';

const LETTER_ID = /^(?:0|[1-9]\d{0,14})$/;

/** The dead letters of an in-memory queue; the id of a letter is its number. */
export class InMemoryDeadLetters implements DeadLetters {
  constructor(private readonly at: (partition: number) => Partition) {}

  async list(partition: number, request: DeadLetterPageRequest): Promise<DeadLetterPage> {
    const { dead } = this.at(partition);
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
    return this.at(partition).dead.find((letter) => letter.id === id);
  }

  async newest(partition: number): Promise<string | undefined> {
    return this.at(partition).dead.at(-1)?.id;
  }

  async redrive(number: number, ids: readonly string[]): Promise<readonly boolean[]> {
    const partition = this.at(number);
    const taken = takeOut(partition, ids);
    for (const letter of taken) {
      if (letter === undefined) continue;
      const { body } = letter;
      partition.pending.push({ body, attempts: 0, crashes: 0, firstFailureAt: 0 });
      wake(partition);
    }
    return taken.map((letter) => letter !== undefined);
  }

  async purge(number: number, ids: readonly string[]): Promise<readonly boolean[]> {
    const partition = this.at(number);
    const taken = takeOut(partition, ids).map((letter) => letter !== undefined);
    partition.counters.purged += taken.filter(Boolean).length;
    return taken;
  }
}

function takeOut({ dead }: Partition, ids: readonly string[]): (DeadLetter | undefined)[] {
  checkLetterIds(ids, LETTER_ID);
  return ids.map((id) => {
    const index = dead.findIndex((letter) => letter.id === id);
    return index < 0 ? undefined : dead.splice(index, 1)[0];
  });
}
