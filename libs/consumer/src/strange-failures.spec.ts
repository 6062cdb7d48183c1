import fc from 'fast-check';
import { STRANGE_FORMS } from '@event-pipeline/runtime/testing';
import { PermanentError } from './handler-errors';
import { Scene, range, type Numbered } from './testing/consumer-scene';
import type { EventHandler, SingleHandler } from './event-handler';

const BAD = 3;

/** Handlers of every form that fail on one event with what is given, and on no other. */
const HANDLERS: Record<string, (thrown: unknown) => EventHandler<Numbered>> = {
  'that throws': (thrown) => ({
    handle: ({ n }) => {
      if (n === BAD) throw thrown;
    },
  }),
  'that rejects': (thrown) => ({
    handle: async ({ n }) => {
      await Promise.resolve();
      if (n === BAD) throw thrown;
    },
  }),
  'that returns it': (thrown) => ({
    handle: (({ n }) => (n === BAD ? thrown : undefined)) as SingleHandler<Numbered>,
  }),
  'with a time limit that rejects': (thrown) => ({
    timeoutMs: 1_000,
    handle: async ({ n }) => {
      await Promise.resolve();
      if (n === BAD) throw thrown;
    },
  }),
  'of batches that names it': (thrown) => ({
    batch: (events) =>
      events.flatMap(({ n }, index) => (n === BAD ? [{ index, error: thrown }] : [])),
  }),
};

async function runWith(handler: EventHandler<Numbered>) {
  const scene = new Scene();
  await scene.put(1, 5);
  await scene.start(handler);
  await scene.advance(100);
  return scene;
}

describe('whatever a handler throws', () => {
  it.each(Object.entries(HANDLERS))(
    'a handler %s costs its own event, and its neighbours nothing',
    async (_, handler) => {
      const form = fc.constantFrom(...STRANGE_FORMS);
      await fc.assert(
        fc.asyncProperty(form, form, fc.anything(), async (outer, inner, value) => {
          const scene = await runWith(handler(outer(inner(value))));
          expect(scene.lost).toEqual([]);
          expect(scene.leases.length).toBeLessThanOrEqual(2);
          const [settled] = scene.settled;
          const done = settled?.outcome.done.map(({ n }) => n);
          expect(done).toEqual(expect.arrayContaining([1, 2, 4, 5]));
          expect(scene.messagesAt('error')).toEqual([]);
          const stats = await scene.memory.stats(0);
          expect(stats.leased).toBe(0);
        }),
        { numRuns: 60 },
      );
    },
  );

  it('a mistake in judging it costs an attempt of its event alone, up to the last', async () => {
    const codec = {
      decode: (body: string) => JSON.parse(body) as Numbered,
      typeOf: () => 'numbered',
      idOf: (): string => {
        throw new Error('planted');
      },
    };
    const scene = new Scene();
    await scene.put(1, 5);
    const handled: number[] = [];
    const retryPolicy = { maxAttempts: 3, baseDelayMs: 10, maxDelayMs: 100, maxAgeMs: 0 };
    const handler = ({ n }: Numbered) => {
      handled.push(n);
      if (n === BAD) throw new Error('no');
    };
    await scene.start(handler, { retryPolicy, codec });
    await scene.advance(10_000);
    expect(handled).toEqual([...range(1, 5), BAD, BAD]);
    expect(scene.messagesAt('error')).toHaveLength(3);
    expect(scene.memory.deadLettersIn()).toMatchObject([{ reason: 'attempts-exhausted' }]);
    await scene.expectLeft({ processed: 4, dead: 1, retried: 2, expiredLeases: 0 });
  });

  it('an error that says that it is permanent is believed, though its other parts throw', async () => {
    const error = Object.defineProperty(new PermanentError('no'), 'message', {
      get: () => {
        throw new Error('from the getter');
      },
    });
    const scene = await runWith(({ n }) => {
      if (n === BAD) throw error;
    });
    expect(scene.memory.deadLettersIn()).toMatchObject([
      { reason: 'permanent-error', error: 'PermanentError: unprintable error' },
    ]);
    await scene.expectLeft({ processed: 4, dead: 1 });
  });
});
