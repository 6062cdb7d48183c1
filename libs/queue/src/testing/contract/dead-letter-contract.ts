import { DEAD_REASONS, type DeadReason, type Queue } from '../../queue';
import type { DeadLetter } from '../../dead-letters';
import {
  batchOf,
  bodiesOf,
  drainAll,
  event,
  events,
  expectConserved,
  expire,
  put,
  receive,
  take,
  withQueue,
  type CreateQueueUnderTest,
} from '../queue-under-test';

const PAGE = { maxLetters: 100, maxBytes: 1_000_000 };

/** Enqueues the events and lets each become a dead letter, in their order. */
async function bury(
  queue: Queue,
  bodies: readonly string[],
  reason: DeadReason = 'permanent-error',
): Promise<readonly DeadLetter[]> {
  const before = await queue.deadLetters.newest(0);
  await put(queue, bodies);
  const lease = await take(queue, { maxEvents: 1_000 });
  expect(bodiesOf(lease)).toEqual(bodies);
  await queue.settle(
    lease,
    bodies.map(
      (_, index) => ({ index, outcome: 'dead', reason, error: 'it broke', handler: 'h' }) as const,
    ),
  );
  const after = before === undefined ? {} : { after: before };
  const { letters } = await queue.deadLetters.list(0, { ...PAGE, maxLetters: 1_000, ...after });
  return letters;
}

const idsOf = (letters: readonly DeadLetter[]) => letters.map(({ id }) => id);
const bodies = (letters: readonly DeadLetter[]) => letters.map(({ body }) => body);

export function describeDeadLetterContract(create: CreateQueueUnderTest): void {
  describe('dead letters', () => {
    it(
      'say what failed, why, how often, when and in whose hands',
      withQueue(create, async ({ queue, passTime }) => {
        await put(queue, [event(1)]);
        await queue.settle(await take(queue), [{ index: 0, outcome: 'retry', delayMs: 1 }]);
        await passTime(1);
        const again = await take(queue);
        await queue.settle(again, [
          {
            index: 0,
            outcome: 'dead',
            reason: 'attempts-exhausted',
            error: 'no!',
            handler: 'mail',
          },
        ]);
        const { letters, next } = await queue.deadLetters.list(0, PAGE);
        expect(next).toBeUndefined();
        expect(letters).toMatchObject([
          {
            body: event(1),
            reason: 'attempts-exhausted',
            error: 'no!',
            handler: 'mail',
            attempts: 2,
            crashes: 0,
            firstFailureAt: again.deliveries[0]?.firstFailureAt,
          },
        ]);
        const [letter] = letters as [DeadLetter];
        expect(letter.diedAt).toBeGreaterThanOrEqual(letter.firstFailureAt);
        expect(await queue.deadLetters.get(0, letter.id)).toEqual(letter);
        expect(await queue.deadLetters.newest(0)).toBe(letter.id);
      }),
    );

    it(
      'have the same shape where an event ended its workers',
      withQueue(create, async (context) => {
        const { queue } = context;
        await put(queue, [event(1)]);
        await take(queue);
        await expire(context, 1);
        await take(queue, { isolated: 'only' });
        await expire(context, 1);
        const { letters } = await queue.deadLetters.list(0, PAGE);
        expect(letters).toMatchObject([
          { body: event(1), reason: 'crashed-worker', handler: '', attempts: 0, crashes: 1 },
        ]);
        const [letter] = letters as [DeadLetter];
        expect(letter.error).not.toBe('');
        expect(letter.firstFailureAt).toBeGreaterThan(0);
        expect(letter.diedAt).toBeGreaterThanOrEqual(letter.firstFailureAt);
      }),
    );

    it(
      'may have every reason there is',
      withQueue(create, async ({ queue }) => {
        for (const reason of DEAD_REASONS) await bury(queue, [event(reason)], reason);
        const { letters } = await queue.deadLetters.list(0, PAGE);
        expect(letters.map(({ reason }) => reason)).toEqual(DEAD_REASONS);
      }),
    );

    it(
      'keep bodies and errors as they are, whatever is in them',
      withQueue(create, async ({ queue }) => {
        const body = '{"text":"\u0001 ü 😀 \\u0000 \\" \u2028"}';
        const error = 'line\nother\u0000 ü 😀 "';
        await put(queue, [body]);
        await queue.settle(await take(queue), [
          { index: 0, outcome: 'dead', reason: 'undecodable', error, handler: 'ü 😀' },
        ]);
        const { letters } = await queue.deadLetters.list(0, PAGE);
        expect(letters).toMatchObject([{ body, error, handler: 'ü 😀' }]);
        await queue.deadLetters.redrive(0, idsOf(letters));
        expect(await drainAll(queue)).toEqual([body]);
      }),
    );

    it(
      'are none in a queue where nothing failed',
      withQueue(create, async ({ queue }) => {
        await put(queue, events(1, 3));
        expect(await queue.deadLetters.list(0, PAGE)).toEqual({ letters: [] });
        expect(await queue.deadLetters.newest(0)).toBeUndefined();
      }),
    );

    it(
      'are listed page by page, oldest first, each once',
      withQueue(create, async ({ queue }) => {
        const all = await bury(queue, events(1, 25));
        expect(bodies(all)).toEqual(events(1, 25));
        const seen: string[] = [];
        let next: string | undefined;
        let pages = 0;
        do {
          const after = next === undefined ? {} : { after: next };
          const page = await queue.deadLetters.list(0, {
            maxLetters: 7,
            maxBytes: 1_000,
            ...after,
          });
          expect(page.letters.length).toBeLessThanOrEqual(7);
          seen.push(...bodies(page.letters));
          next = page.next;
          pages += 1;
        } while (next !== undefined && pages < 10);
        expect(seen).toEqual(events(1, 25));
      }),
    );

    it(
      'fill a page up to its bytes, and at least with one',
      withQueue(create, async ({ queue }) => {
        const large = (n: number) => `{"n":${n},"pad":"${'x'.repeat(1_000)}"}`;
        const all = await bury(
          queue,
          Array.from({ length: 40 }, (_, n) => large(n)),
        );
        const three = await queue.deadLetters.list(0, { maxLetters: 100, maxBytes: 3_100 });
        expect(three).toEqual({ letters: all.slice(0, 3), next: all[2]?.id });
        const most = await queue.deadLetters.list(0, { maxLetters: 100, maxBytes: 30_900 });
        expect(most).toEqual({ letters: all.slice(0, 30), next: all[29]?.id });
        const one = await queue.deadLetters.list(0, { maxLetters: 100, maxBytes: 1 });
        expect(one).toEqual({ letters: all.slice(0, 1), next: all[0]?.id });
      }),
    );

    it(
      'are listed no further than the one that was the youngest, though others die meanwhile',
      withQueue(create, async ({ queue }) => {
        const [first, second] = (await bury(queue, events(1, 2))) as [DeadLetter, DeadLetter];
        const upTo = await queue.deadLetters.newest(0);
        expect(upTo).toBe(second.id);
        await queue.deadLetters.redrive(0, [first.id]);
        await queue.settle(await take(queue), [
          { index: 0, outcome: 'dead', reason: 'permanent-error', error: 'again', handler: 'h' },
        ]);
        const page = await queue.deadLetters.list(0, { ...PAGE, upTo: second.id });
        expect(page).toEqual({ letters: [second] });
        // The cursor is a place, not a letter: this one is gone.
        const rest = await queue.deadLetters.list(0, { ...PAGE, after: first.id, upTo: second.id });
        expect(rest).toEqual({ letters: [second] });
        expect((await queue.deadLetters.list(0, PAGE)).letters).toMatchObject([
          { id: second.id },
          { body: event(1), error: 'again', attempts: 1 },
        ]);
      }),
    );

    it(
      'never get an id that was used before',
      withQueue(create, async ({ queue }) => {
        const old = await bury(queue, events(1, 3));
        await queue.deadLetters.purge(0, idsOf(old));
        const fresh = await bury(queue, events(4, 6));
        expect(idsOf(fresh).filter((id) => idsOf(old).includes(id))).toEqual([]);
        const after = await queue.deadLetters.list(0, { ...PAGE, after: old[2]?.id ?? '' });
        expect(bodies(after.letters)).toEqual(events(4, 6));
      }),
    );
  });

  describe('redrive', () => {
    it(
      'puts letters at the end of the line as events that have never failed',
      withQueue(create, async ({ queue }) => {
        const letters = await bury(queue, events(1, 4));
        await put(queue, events(5, 6));
        const before = await queue.stats(0);
        const asked = [letters[2], letters[0]] as DeadLetter[];
        expect(await queue.deadLetters.redrive(0, idsOf(asked))).toEqual(['moved', 'moved']);
        const { enqueued, bytes } = before;
        expect(await queue.stats(0)).toMatchObject({ enqueued, bytes, pending: 4, dead: 2 });
        const lease = await take(queue);
        expect(bodiesOf(lease)).toEqual([event(5), event(6), event(3), event(1)]);
        for (const delivery of lease.deliveries) {
          expect(delivery).toMatchObject({ attempts: 0, crashes: 0, firstFailureAt: 0 });
        }
        await queue.settle(lease, []);
        expect(await queue.stats(0)).toMatchObject({ processed: 4, dead: 2 });
      }),
    );

    it(
      'moves a letter once, however often it is asked to: by then it is gone',
      withQueue(create, async ({ queue }) => {
        const [one, two] = idsOf(await bury(queue, events(1, 2))) as [string, string];
        expect(await queue.deadLetters.redrive(0, [one, one])).toEqual(['moved', 'gone']);
        expect(await queue.deadLetters.redrive(0, [one, two])).toEqual(['gone', 'moved']);
        expect(await queue.deadLetters.redrive(0, [one, two])).toEqual(['gone', 'gone']);
        expect(await queue.deadLetters.purge(0, [one])).toEqual(['gone']);
        expect(await queue.deadLetters.get(0, one)).toBeUndefined();
        expect(await drainAll(queue)).toEqual(events(1, 2));
      }),
    );

    it(
      'leaves a letter that is no event where it is, and moves the others',
      withQueue(create, async ({ queue, buryForeign }) => {
        await bury(queue, [event(1)]);
        await buryForeign('no event');
        await bury(queue, [event(2)]);
        const { letters } = await queue.deadLetters.list(0, PAGE);
        expect(bodies(letters)).toEqual([event(1), 'no event', event(2)]);
        const [one, foreign, two] = idsOf(letters) as [string, string, string];
        const before = await queue.stats(0);
        expect(await queue.deadLetters.redrive(0, [foreign])).toEqual(['refused']);
        expect(await queue.stats(0)).toEqual(before);
        const asked = [one, foreign, foreign, two];
        const outcomes = ['moved', 'refused', 'refused', 'moved'];
        expect(await queue.deadLetters.redrive(0, asked)).toEqual(outcomes);
        expect(await queue.deadLetters.redrive(0, asked)).toEqual(
          outcomes.map((outcome) => (outcome === 'moved' ? 'gone' : outcome)),
        );
        expect(await queue.deadLetters.get(0, foreign)).toEqual(letters[1]);
        expect(await drainAll(queue)).toEqual([event(1), event(2)]);
        expect(await queue.deadLetters.purge(0, [foreign])).toEqual(['moved']);
      }),
    );

    it(
      'gives each letter to one of many who ask at once',
      withQueue(create, async ({ queue, openAnother }) => {
        const ids = idsOf(await bury(queue, events(1, 50)));
        const other = await openAnother();
        const answers = await Promise.all(
          [queue, other, queue, other].map((user) => user.deadLetters.redrive(0, ids)),
        );
        const moved = ids.map((_, at) => answers.filter((answer) => answer[at] === 'moved').length);
        expect(moved).toEqual(ids.map(() => 1));
        expect((await drainAll(queue)).sort()).toEqual(events(1, 50).sort());
      }),
    );

    it(
      'moves as many as a call may name, in one step',
      withQueue(create, async ({ queue }) => {
        const ids = idsOf(await bury(queue, events(1, 1_000)));
        const outcomes = await queue.deadLetters.redrive(0, ids);
        expect(new Set(outcomes)).toEqual(new Set(['moved']));
        expect(await drainAll(queue, { maxEvents: 1_000 })).toEqual(events(1, 1_000));
      }),
    );

    it(
      'wakes who waits',
      withQueue(create, async ({ queue, openAnother }) => {
        const ids = idsOf(await bury(queue, [event(1)]));
        await receive(queue);
        const other = await openAnother();
        const over = new AbortController();
        // What was enqueued before has left a reason to wake: it is used up first.
        for (let wait = 0; wait < 2; wait++) await queue.waitForEvents(0, 100, over.signal);
        // An engine may let a wait share the end of one that is just over: that would prove nothing.
        await new Promise((resolve) => setTimeout(resolve, 500));
        const limit = setTimeout(() => over.abort(), 10_000);
        const woken = queue.waitForEvents(0, 30_000, over.signal);
        await other.deadLetters.redrive(0, ids);
        await woken;
        clearTimeout(limit);
        expect(over.signal.aborted).toBe(false);
        expect(bodiesOf(await take(queue))).toEqual([event(1)]);
      }),
    );

    it(
      'works where the queue is full, and makes it no larger',
      withQueue(
        create,
        async ({ queue }) => {
          const ids = idsOf(await bury(queue, events(1, 3)));
          const refused = [{ outcome: 'refused', reason: 'QUEUE_FULL' }];
          expect(await queue.enqueue(0, [batchOf([event(4)])])).toEqual(refused);
          expect(await queue.deadLetters.redrive(0, ids)).toEqual(['moved', 'moved', 'moved']);
          expect(await queue.enqueue(0, [batchOf([event(4)])])).toEqual(refused);
          expect(await drainAll(queue)).toEqual(events(1, 3));
          await put(queue, [event(4)]);
        },
        { limits: { maxEvents: 3 } },
      ),
    );
  });

  describe('purge', () => {
    it(
      'drops letters for good, and counts them',
      withQueue(create, async ({ queue }) => {
        const letters = await bury(queue, events(1, 4));
        const before = await queue.stats(0);
        const [one, two, three, four] = idsOf(letters) as [string, string, string, string];
        expect(await queue.deadLetters.purge(0, [two, one, two])).toEqual([
          'moved',
          'moved',
          'gone',
        ]);
        const stats = await queue.stats(0);
        expect(stats).toMatchObject({ dead: 2, purged: 2, pending: 0 });
        expect(stats.bytes).toBe(before.bytes - Buffer.byteLength(event(1) + event(2)));
        expect(await queue.deadLetters.redrive(0, [one])).toEqual(['gone']);
        expect(await queue.deadLetters.purge(0, [one, three, four])).toEqual([
          'gone',
          'moved',
          'moved',
        ]);
        expect(await queue.stats(0)).toMatchObject({ dead: 0, purged: 4, bytes: 0 });
        expect(await receive(queue)).toEqual({ isolatedWaiting: false });
      }),
    );

    it(
      'drops what is no event, too, however short',
      withQueue(create, async ({ queue, buryForeign }) => {
        await buryForeign('');
        await buryForeign('no event');
        const ids = idsOf((await queue.deadLetters.list(0, PAGE)).letters);
        expect(await queue.deadLetters.purge(0, ids.slice(0, 1))).toEqual(['moved']);
        expect(await queue.deadLetters.purge(0, ids)).toEqual(['gone', 'moved']);
        expect(await queue.stats(0)).toMatchObject({ enqueued: 2, purged: 2, dead: 0, bytes: 0 });
      }),
    );

    it(
      'makes room in a queue that is full',
      withQueue(
        create,
        async ({ queue }) => {
          const ids = idsOf(await bury(queue, events(1, 3)));
          await queue.deadLetters.purge(0, ids.slice(0, 2));
          await put(queue, events(4, 5));
        },
        { limits: { maxEvents: 3 } },
      ),
    );
  });

  describe('dead letters of one partition', () => {
    it(
      'are not those of another, and keep it from being given up until they are gone',
      withQueue(create, async ({ queue }) => {
        await queue.resize(2);
        await bury(queue, [event('zero')]);
        await queue.enqueue(1, [batchOf([event('one')])]);
        await queue.settle(await take(queue, { partition: 1 }), [
          { index: 0, outcome: 'dead', reason: 'permanent-error', error: 'e', handler: 'h' },
        ]);
        const { letters } = await queue.deadLetters.list(1, PAGE);
        expect(bodies(letters)).toEqual([event('one')]);
        await expect(queue.resize(1)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
        await queue.deadLetters.purge(1, idsOf(letters));
        expectConserved(await queue.stats(1));
        await queue.resize(1);
        expect(await queue.stats(0)).toMatchObject({ dead: 1 });
      }),
    );
  });

  describe('what is no argument', () => {
    const INVALID = { code: 'INVALID_ARGUMENT' };
    it.each([
      ['an id that is none', (queue: Queue) => queue.deadLetters.redrive(0, ['no id'])],
      ['an empty id', (queue: Queue) => queue.deadLetters.purge(0, [''])],
      ['an id to look at', (queue: Queue) => queue.deadLetters.get(0, 'no id')],
      ['a cursor', (queue: Queue) => queue.deadLetters.list(0, { ...PAGE, after: 'x' })],
      ['an end', (queue: Queue) => queue.deadLetters.list(0, { ...PAGE, upTo: '-' })],
      ['no letters', (queue: Queue) => queue.deadLetters.list(0, { ...PAGE, maxLetters: 0 })],
      ['too many', (queue: Queue) => queue.deadLetters.list(0, { ...PAGE, maxLetters: 1_001 })],
      ['no bytes', (queue: Queue) => queue.deadLetters.list(0, { ...PAGE, maxBytes: 0 })],
      ['a partition', (queue: Queue) => queue.deadLetters.list(3, PAGE)],
      ['a partition', (queue: Queue) => queue.deadLetters.newest(3)],
    ])('is refused before anything changes: %s', async (_, call) => {
      await withQueue(create, async ({ queue }) => {
        const letters = await bury(queue, events(1, 2));
        await expect(call(queue)).rejects.toMatchObject(INVALID);
        const tooMany = Array.from({ length: 1_001 }, () => letters[0]?.id ?? '');
        await expect(queue.deadLetters.redrive(0, tooMany)).rejects.toMatchObject(INVALID);
        const oneBad = [letters[0]?.id ?? '', 'no id'];
        await expect(queue.deadLetters.redrive(0, oneBad)).rejects.toMatchObject(INVALID);
        await expect(queue.deadLetters.purge(0, oneBad)).rejects.toMatchObject(INVALID);
        expect((await queue.deadLetters.list(0, PAGE)).letters).toEqual(letters);
        expect(await queue.deadLetters.redrive(0, [])).toEqual([]);
      })();
    });
  });
}
