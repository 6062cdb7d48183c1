import { InMemoryQueue } from '@event-pipeline/queue/testing';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { letterPages, lettersToLookAt } from './letter-pages';
import type { LetterChoice } from './queue-cli-options';
import { bury } from './testing/queue-folder';

const ALL: LetterChoice = {
  partition: undefined,
  places: undefined,
  limit: Infinity,
  filter: {
    reasons: undefined,
    types: undefined,
    handlers: undefined,
    diedBefore: undefined,
    diedAfter: undefined,
  },
};

describe('the pages of dead letters', () => {
  it('end where the letters ended at the start, though what was redriven dies again', async () => {
    const queue = new InMemoryQueue(new SimulatedClock(), { partitions: 2 });
    const count = 1_200;
    await bury(
      queue,
      Array.from({ length: count }, (_, n) => ({ partition: n % 2 })),
    );
    const call = <T>(ask: () => Promise<T>) => ask();
    expect(await lettersToLookAt(queue, ALL, call)).toBe(count);
    const seen: string[] = [];
    let pages = 0;
    for await (const { partition, chosen } of letterPages(queue, ALL, call)) {
      const ids = chosen.map(({ letter }) => letter.id);
      seen.push(...ids.map((id) => `${partition}/${id}`));
      await queue.deadLetters.purge(partition, ids);
      await bury(
        queue,
        ids.flatMap(() => [{ partition: 0 }, { partition: 1 }]),
      );
      pages += 1;
      if (pages > 10) break;
    }
    expect(pages).toBe(4);
    expect(seen).toHaveLength(count);
    expect(new Set(seen).size).toBe(count);
  });
});
