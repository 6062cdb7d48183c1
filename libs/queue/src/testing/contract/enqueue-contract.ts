import { BATCH_ID_WINDOW_MS, MAX_BATCH_EVENTS } from '../../queue';
import {
  batchOf,
  drainAll,
  event,
  events,
  put,
  take,
  withQueue,
  type CreateQueueUnderTest,
} from '../queue-under-test';

export function describeEnqueueContract(create: CreateQueueUnderTest): void {
  describe('enqueue', () => {
    it(
      'appends several batches of one call in their order and answers for each',
      withQueue(create, async ({ queue }) => {
        const results = await queue.enqueue(0, [batchOf(events(1, 3)), batchOf(events(4, 5))]);
        expect(results).toEqual([{ outcome: 'queued' }, { outcome: 'queued' }]);
        expect(await drainAll(queue)).toEqual(events(1, 5));
      }),
    );

    it(
      'keeps every character of an event as it was',
      withQueue(create, async ({ queue }) => {
        const hostile = [
          '\u0001',
          '\u0002',
          '\u0003',
          '\n',
          '\u2028',
          'é',
          '日本',
          '😀',
          '\\u0000',
          "'",
        ];
        const bodies = hostile.map((text) => `{"text":${JSON.stringify(text)},"raw":"${text}"}`);
        bodies.push('{', `{${'x'.repeat(200_000)}}`);
        await put(queue, bodies);
        expect(await drainAll(queue)).toEqual(bodies);
      }),
    );

    it(
      'does not queue a batch id again and repeats the first answer',
      withQueue(create, async ({ queue }) => {
        const batch = batchOf(events(1, 2), { answer: '{"accepted":2}\n"' });
        await queue.enqueue(0, [batch]);
        const again = await queue.enqueue(0, [{ ...batch, answer: 'another' }, batch]);
        expect(again).toEqual([
          { outcome: 'duplicate', answer: '{"accepted":2}\n"' },
          { outcome: 'duplicate', answer: '{"accepted":2}\n"' },
        ]);
        expect(await queue.stats(0)).toMatchObject({ enqueued: 2, duplicateBatches: 2 });
      }),
    );

    it(
      'recognises a batch id that appears twice in one call',
      withQueue(create, async ({ queue }) => {
        const batch = batchOf(events(1, 2));
        const results = await queue.enqueue(0, [batch, batch]);
        expect(results.map(({ outcome }) => outcome)).toEqual(['queued', 'duplicate']);
        expect(await drainAll(queue)).toEqual(events(1, 2));
      }),
    );

    it(
      'refuses a batch id over other content and leaves its neighbours alone',
      withQueue(create, async ({ queue }) => {
        const batch = batchOf(events(1, 2));
        await queue.enqueue(0, [batch]);
        const other = { ...batch, digest: 'other', bodies: events(7, 9) };
        const results = await queue.enqueue(0, [other, batchOf(events(3, 3))]);
        expect(results).toEqual([
          { outcome: 'refused', reason: 'BATCH_ID_REUSED' },
          { outcome: 'queued' },
        ]);
        expect(await drainAll(queue)).toEqual(events(1, 3));
      }),
    );

    it(
      'remembers a batch id after its events are processed, and forgets it when its time is over',
      withQueue(create, async ({ queue, passTime }) => {
        const batch = batchOf(events(1, 1));
        await queue.enqueue(0, [batch]);
        await drainAll(queue);
        await passTime(BATCH_ID_WINDOW_MS - 60_000);
        expect(await queue.enqueue(0, [batch])).toMatchObject([{ outcome: 'duplicate' }]);
        await passTime(61_000);
        expect(await queue.enqueue(0, [batch])).toEqual([{ outcome: 'queued' }]);
      }),
    );

    it(
      'remembers the answer of a batch without events',
      withQueue(create, async ({ queue }) => {
        const batch = batchOf([], { answer: 'all rejected' });
        expect(await queue.enqueue(0, [batch])).toEqual([{ outcome: 'queued' }]);
        expect(await queue.enqueue(0, [batch])).toEqual([
          { outcome: 'duplicate', answer: 'all rejected' },
        ]);
        expect(await queue.stats(0)).toMatchObject({ enqueued: 0, pending: 0 });
      }),
    );

    it(
      'refuses a batch that would exceed the limit of events, whole, and takes one that fits',
      withQueue(
        create,
        async ({ queue }) => {
          await put(queue, events(1, 3));
          const tooMany = batchOf(events(4, 6));
          expect(await queue.enqueue(0, [tooMany, batchOf(events(4, 5))])).toEqual([
            { outcome: 'refused', reason: 'QUEUE_FULL' },
            { outcome: 'queued' },
          ]);
          const lease = await take(queue, { maxEvents: 3 });
          expect(await queue.enqueue(0, [tooMany])).toMatchObject([{ reason: 'QUEUE_FULL' }]);
          await queue.settle(lease, []);
          expect(await queue.enqueue(0, [tooMany])).toEqual([{ outcome: 'queued' }]);
        },
        { limits: { maxEvents: 5 } },
      ),
    );

    it(
      'counts dead letters and waiting retries towards the limits',
      withQueue(
        create,
        async ({ queue }) => {
          await put(queue, events(1, 2));
          const lease = await take(queue);
          await queue.settle(lease, [
            { index: 0, outcome: 'dead', reason: 'permanent-error', error: 'e', handler: 'h' },
            { index: 1, outcome: 'retry', delayMs: 60_000 },
          ]);
          expect(await queue.enqueue(0, [batchOf(events(3, 3))])).toMatchObject([
            { reason: 'QUEUE_FULL' },
          ]);
        },
        { limits: { maxEvents: 2 } },
      ),
    );

    it(
      'refuses what would exceed the limit of bytes, and counts bytes free when events are done',
      withQueue(
        create,
        async ({ queue }) => {
          const large = `{"text":"${'x'.repeat(600)}"}`;
          await put(queue, [large]);
          expect((await queue.stats(0)).bytes).toBe(Buffer.byteLength(large));
          expect(await queue.enqueue(0, [batchOf([large])])).toMatchObject([
            { reason: 'QUEUE_FULL' },
          ]);
          await drainAll(queue);
          expect((await queue.stats(0)).bytes).toBe(0);
          await put(queue, [large]);
        },
        { limits: { maxBytes: 1_000 } },
      ),
    );

    it.each([
      ['too many events', batchOf(events(1, MAX_BATCH_EVENTS + 1))],
      ['a text that is no JSON object', batchOf(['plain'])],
      ['an empty text', batchOf([''])],
      ['a malformed batch id', batchOf([event(1)], { id: 'a b' })],
      ['no time to remember', batchOf([event(1)], { rememberMs: 0 })],
      ['an answer that is too long', batchOf([event(1)], { answer: 'x'.repeat(70_000) })],
      ['a malformed digest', batchOf([event(1)], { digest: 'a\nb' })],
    ])('refuses %s before anything is written', async (_, bad) => {
      await withQueue(create, async ({ queue }) => {
        await expect(queue.enqueue(0, [batchOf([event(0)]), bad])).rejects.toMatchObject({
          code: 'INVALID_ARGUMENT',
        });
        expect(await queue.stats(0)).toMatchObject({ enqueued: 0, pending: 0 });
      })();
    });

    it(
      'refuses a partition that is not there',
      withQueue(create, async ({ queue }) => {
        await expect(
          queue.enqueue(queue.partitionCount(), [batchOf([event(1)])]),
        ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      }),
    );
  });
}
