import { randomUUID } from 'node:crypto';
import { routeBatch } from '../../batch-routing';
import { BATCH_ID_WINDOW_MS, type EnqueueResult, type Queue } from '../../queue';
import { MAX_PARTITIONS } from '../../partitioning';
import {
  batchOf,
  bodiesOf,
  drainAll,
  event,
  events,
  expectConserved,
  put,
  receive,
  take,
  withQueue,
  type CreateQueueUnderTest,
} from '../queue-under-test';

const QUEUED = { outcome: 'queued' };
const CHANGED = { outcome: 'refused', reason: 'PARTITIONS_CHANGED' };

export function describePartitionContract(create: CreateQueueUnderTest): void {
  describe('partitions', () => {
    it(
      'has one partition until it is given more, and keeps their events apart',
      withQueue(create, async ({ queue }) => {
        expect(queue.partitioning()).toEqual({ count: 1, generation: 0, earlier: [] });
        await put(queue, events(1, 3));
        await queue.resize(3);
        expect(queue.partitionCount()).toBe(3);
        for (const partition of [0, 1, 2]) {
          const more = [event(`in ${partition}`)];
          expect(await queue.enqueue(partition, [batchOf(more)])).toEqual([QUEUED]);
        }
        expect(await drainAll(queue, { partition: 2 })).toEqual([event('in 2')]);
        expect(await drainAll(queue, { partition: 1 })).toEqual([event('in 1')]);
        expect(await drainAll(queue)).toEqual([...events(1, 3), event('in 0')]);
        for (const partition of [0, 1, 2]) expectConserved(await queue.stats(partition));
      }),
    );

    it(
      'tells other users of the queue of a change',
      withQueue(create, async ({ queue, openAnother }) => {
        const early = await openAnother();
        await queue.resize(4);
        const late = await openAnother();
        expect(late.partitionCount()).toBe(4);
        await until(() => early.partitionCount() === 4);
      }),
    );

    it(
      'changes nothing where the count is what it was',
      withQueue(create, async ({ queue }) => {
        await queue.resize(3);
        const before = queue.partitioning();
        await queue.resize(3);
        expect(queue.partitioning()).toEqual(before);
      }),
    );

    it.each([0, -1, 1.5, MAX_PARTITIONS + 1])('refuses %p partitions', async (count) => {
      await withQueue(create, async ({ queue }) => {
        await expect(queue.resize(count)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
        expect(queue.partitionCount()).toBe(1);
      })();
    });

    it(
      'wakes who waits at the partition that gets an event',
      withQueue(create, async ({ queue }) => {
        await queue.resize(3);
        const signal = new AbortController().signal;
        expect(await receive(queue, { partition: 2 })).not.toHaveProperty('lease');
        const waiting = queue.waitForEvents(2, 20_000, signal);
        await queue.enqueue(2, [batchOf([event(1)])]);
        await waiting;
        expect(bodiesOf(await take(queue, { partition: 2 }))).toEqual([event(1)]);
      }),
    );

    describe('fewer', () => {
      it.each<[string, (queue: Queue) => Promise<unknown>]>([
        ['pending', async () => undefined],
        ['leased', (queue) => take(queue, { partition: 2 })],
        [
          'delayed',
          async (queue) => {
            const lease = await take(queue, { partition: 2 });
            await queue.settle(lease, [{ index: 0, outcome: 'retry', delayMs: 60_000 }]);
          },
        ],
        [
          'dead',
          async (queue) => {
            const lease = await take(queue, { partition: 2 });
            const reason = 'permanent-error';
            await queue.settle(lease, [
              { index: 0, outcome: 'dead', reason, error: 'no', handler: 'h' },
            ]);
          },
        ],
      ])('are refused while an event is %s in one that would go', async (_, move) => {
        await withQueue(create, async ({ queue }) => {
          await queue.resize(4);
          await queue.enqueue(2, [batchOf([event(1)])]);
          await move(queue);
          await expect(queue.resize(2)).rejects.toMatchObject({
            code: 'CONFIG_INVALID',
            message: expect.stringMatching(
              /from 4 to 2 partitions: partition 2 still holds 1 event,/,
            ),
          });
          expect(queue.partitionCount()).toBe(4);
          for (const partition of [0, 1, 2, 3]) {
            expect(await queue.enqueue(partition, [batchOf([event(2)])])).toEqual([QUEUED]);
          }
        })();
      });

      it(
        'are there once the others are empty, which then take nothing any more',
        withQueue(create, async ({ queue }) => {
          await queue.resize(3);
          const remembered = batchOf([event(1)]);
          await queue.enqueue(2, [remembered]);
          await drainAll(queue, { partition: 2 });
          await queue.resize(1);
          expect(queue.partitioning().count).toBe(1);
          expect(earlierCounts(queue)).toEqual([3, 1]);
          expect(await queue.enqueue(2, [batchOf([event(2)]), remembered])).toEqual([
            CHANGED,
            { outcome: 'duplicate', answer: '' },
          ]);
          expect((await queue.stats(2)).pending).toBe(0);
        }),
      );

      it(
        'can become more again',
        withQueue(create, async ({ queue }) => {
          for (const count of [3, 1, 2]) await queue.resize(count);
          expect(queue.partitioning().count).toBe(2);
          expect(earlierCounts(queue)).toEqual([1, 3, 1]);
          expect(await queue.enqueue(1, [batchOf([event(1)])])).toEqual([QUEUED]);
        }),
      );
    });

    describe('batch ids across a change', () => {
      it(
        'are remembered by the partition that took them, as long as the window lasts',
        withQueue(create, async ({ queue, passTime }) => {
          const batch = batchOf([event(1)]);
          await queue.enqueue(0, [batch]);
          const asked = [randomUUID(), batch.id];
          expect(await queue.remembers(0, asked)).toEqual([false, true]);
          await passTime(BATCH_ID_WINDOW_MS + 1);
          expect(await queue.remembers(0, asked)).toEqual([false, false]);
          expect(await queue.remembers(0, [])).toEqual([]);
        }),
      );

      it(
        'cannot be enqueued any more by the partitions that were',
        withQueue(create, async ({ queue }) => {
          await queue.resize(2);
          const { generation } = queue.partitioning();
          const known = batchOf([event(1)], { generation });
          expect(await queue.enqueue(0, [known])).toEqual([QUEUED]);
          await queue.resize(3);
          const late = batchOf([event(2)], { generation });
          const anyhow = batchOf([event(3)]);
          expect(await queue.enqueue(0, [late, known, anyhow])).toEqual([
            CHANGED,
            { outcome: 'duplicate', answer: '' },
            QUEUED,
          ]);
          const now = queue.partitioning().generation;
          expect(now).toBeGreaterThan(generation);
          expect(await queue.enqueue(0, [{ ...late, generation: now }])).toEqual([QUEUED]);
        }),
      );

      it(
        'are looked for by earlier counts as long as the window lasts',
        withQueue(create, async ({ queue, passTime, openAnother }) => {
          await queue.resize(2);
          await passTime(BATCH_ID_WINDOW_MS / 2);
          await queue.resize(5);
          expect(earlierCounts(queue)).toEqual([2, 1]);
          await passTime(BATCH_ID_WINDOW_MS / 2 + 1);
          const another = await openAnother();
          expect(earlierCounts(another)).toEqual([2]);
        }),
      );

      it(
        'are queued once, however often they are sent while the partitions change',
        withQueue(create, async ({ queue, openAnother }) => {
          const others = [queue, await openAnother(), await openAnother()];
          const ids = Array.from({ length: 60 }, () => randomUUID());
          const counts = [2, 5, 3, 7, 4];
          let changing = true;
          const changes = (async () => {
            for (const count of counts) {
              await queue.resize(count).catch((error: { code: string }) => {
                if (error.code !== 'CONFIG_INVALID') throw error;
              });
              await pause(20);
            }
            changing = false;
          })();
          const sending = others.map(async (one) => {
            // Each batch by each of them, and once more after the last change.
            for (let round = 0; changing || round < 2; round++) {
              for (const id of ids) await enqueueOnce(one, id);
              await pause(1);
            }
          });
          await Promise.all([changes, ...sending]);
          const found: string[] = [];
          for (let partition = 0; partition < 7; partition++) {
            if (partition < queue.partitionCount()) {
              found.push(...(await drainAll(queue, { partition })));
            }
          }
          expect(found.sort()).toEqual(ids.map(event).sort());
        }),
        60_000,
      );
    });
  });
}

/** As whoever takes batches from clients does it. */
async function enqueueOnce(queue: Queue, id: string): Promise<void> {
  for (let tries = 0; tries < 1_000; tries++) {
    const { home, recordId, generation } = await routeBatch(queue, id);
    const batch = batchOf([event(id)], { id: recordId, generation });
    const [result] = await queue.enqueue(home, [batch]);
    if (!isChanged(result)) return;
    await pause(5);
  }
  throw new Error('the partitions change all the time');
}

const earlierCounts = (queue: Queue) => queue.partitioning().earlier.map(({ count }) => count);

const isChanged = (result: EnqueueResult | undefined) =>
  result?.outcome === 'refused' && result.reason === 'PARTITIONS_CHANGED';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1_000 && !condition(); tries++) {
    await pause(10);
  }
  expect(condition()).toBe(true);
}
