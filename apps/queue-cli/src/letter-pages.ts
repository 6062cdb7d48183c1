import type { Queue } from '@event-pipeline/queue';
import { fits } from './letter-filter';
import type { LetterPlace } from './letter-id';
import { viewOf, type LetterView } from './letter-view';
import type { LetterChoice } from './queue-cli-options';
import { asNamedByUser } from './user-mistakes';

/** Dead letters of one partition that were read in one step. */
export interface LetterPage {
  readonly partition: number;
  /** How many were read. */
  readonly looked: number;
  /** Those of them that are meant, oldest first. */
  readonly chosen: readonly LetterView[];
  /** Letters that were named by their ids, and are gone. */
  readonly missing: number;
}

/** Makes a call to the queue, with whatever patience the caller has. */
export type CallQueue = <T>(call: () => Promise<T>) => Promise<T>;

const PAGE_LETTERS = 500;
/** With what a page becomes when it is decoded, what the memory of the command is bounded by. */
const PAGE_BYTES = 4 * 1_048_576;

/** How many letters there are to be looked at; what is being written meanwhile is not among them. */
export async function lettersToLookAt(
  queue: Queue,
  choice: LetterChoice,
  call: CallQueue,
): Promise<number> {
  if (choice.places !== undefined) return choice.places.length;
  let total = 0;
  for (const partition of partitionsOf(queue, choice)) {
    total += (await call(() => queue.stats(partition))).dead;
  }
  return total;
}

/**
 * Reads the dead letters that are meant, page by page, up to the youngest that there is now: what dies
 * later, an event that was redriven a page ago among it, is left alone.
 */
export async function* letterPages(
  queue: Queue,
  choice: LetterChoice,
  call: CallQueue,
): AsyncGenerator<LetterPage> {
  const pages =
    choice.places === undefined
      ? pagesOfPartitions(queue, choice, call)
      : pagesOfPlaces(queue, choice.places, call);
  let left = choice.limit;
  for await (const { partition, views, missing } of pages) {
    const fitting = views.filter((view) => fits(view, choice.filter));
    const wanted = fitting.filter(
      () => choice.partition === undefined || choice.partition === partition,
    );
    const chosen = wanted.slice(0, left);
    left -= chosen.length;
    yield { partition, looked: views.length + missing, chosen, missing };
    if (left <= 0) return;
  }
}

interface ReadPage {
  readonly partition: number;
  readonly views: readonly LetterView[];
  readonly missing: number;
}

async function* pagesOfPartitions(
  queue: Queue,
  choice: LetterChoice,
  call: CallQueue,
): AsyncGenerator<ReadPage> {
  const ends = new Map<number, string>();
  for (const partition of partitionsOf(queue, choice)) {
    const newest = await call(() => queue.deadLetters.newest(partition));
    if (newest !== undefined) ends.set(partition, newest);
  }
  for (const [partition, upTo] of ends) {
    let after: string | undefined;
    do {
      const request = { upTo, maxLetters: PAGE_LETTERS, maxBytes: PAGE_BYTES };
      const place = after === undefined ? {} : { after };
      const page = await call(() => queue.deadLetters.list(partition, { ...request, ...place }));
      const views = page.letters.map((letter) => viewOf(partition, letter));
      if (views.length > 0) yield { partition, views, missing: 0 };
      after = page.next;
    } while (after !== undefined);
  }
}

/** One by one: somebody typed them. */
async function* pagesOfPlaces(
  queue: Queue,
  places: readonly LetterPlace[],
  call: CallQueue,
): AsyncGenerator<ReadPage> {
  const seen = new Set<string>();
  for (const { partition, id } of places) {
    const letter = await call(() => asNamedByUser(queue.deadLetters.get(partition, id)));
    if (letter === undefined) yield { partition, views: [], missing: 1 };
    else if (!seen.has(`${partition}/${letter.id}`)) {
      seen.add(`${partition}/${letter.id}`);
      yield { partition, views: [viewOf(partition, letter)], missing: 0 };
    }
  }
}

function partitionsOf(queue: Queue, { partition }: LetterChoice): number[] {
  if (partition !== undefined) return [partition];
  return Array.from({ length: queue.partitionCount() }, (_, number) => number);
}
