import { checkLetterIds, checkLetterPage } from '../check-arguments';
import type {
  DeadLetter,
  DeadLetterPage,
  DeadLetterPageRequest,
  DeadLetters,
  LetterOutcome,
} from '../dead-letters';
import type { PartitionKeys } from './redis-keys';
import type { RedisLink } from './redis-link';
import { parseDeadLetter, parseDeadPageReply, parseMovedReply } from './redis-replies';
import { redisScripts } from './redis-scripts';

/** An entry id of a stream: ms, then a number. Nineteen digits fit in Redis' 64 bits whatever they are. */
const ENTRY_ID = /^\d{1,19}-\d{1,19}$/;

/** The dead letters in the streams of the partitions; the id of a letter is its entry's. */
export class RedisDeadLetters implements DeadLetters {
  constructor(
    private readonly link: RedisLink,
    private readonly keysOf: (partition: number) => PartitionKeys,
  ) {}

  async list(partition: number, request: DeadLetterPageRequest): Promise<DeadLetterPage> {
    const { dead } = this.keysOf(partition);
    checkLetterPage(request, ENTRY_ID);
    const { after = '-', upTo = '+', maxLetters, maxBytes } = request;
    const bounds = [after, upTo, maxLetters, maxBytes];
    return parseDeadPageReply(await this.link.run(redisScripts.listDead, [dead], bounds));
  }

  async get(partition: number, id: string): Promise<DeadLetter | undefined> {
    const { dead } = this.keysOf(partition);
    checkLetterIds([id], ENTRY_ID);
    const entry = first(await this.link.call(dead, 'xrange', [dead, id, id]));
    return entry === undefined ? undefined : parseDeadLetter(entry);
  }

  async newest(partition: number): Promise<string | undefined> {
    const { dead } = this.keysOf(partition);
    const entry = first(await this.link.call(dead, 'xrevrange', [dead, '+', '-', 'COUNT', 1]));
    return entry === undefined ? undefined : parseDeadLetter(entry).id;
  }

  async redrive(partition: number, ids: readonly string[]): Promise<readonly LetterOutcome[]> {
    const { dead, pending, wakeup } = this.keysOf(partition);
    checkLetterIds(ids, ENTRY_ID);
    if (ids.length === 0) return [];
    const keys = [dead, pending, wakeup];
    return parseMovedReply(await this.link.run(redisScripts.redrive, keys, ids));
  }

  async purge(partition: number, ids: readonly string[]): Promise<readonly LetterOutcome[]> {
    const { dead, counters } = this.keysOf(partition);
    checkLetterIds(ids, ENTRY_ID);
    if (ids.length === 0) return [];
    return parseMovedReply(await this.link.run(redisScripts.purge, [dead, counters], ids));
  }
}

function first(reply: unknown): unknown {
  return Array.isArray(reply) ? reply[0] : undefined;
}
