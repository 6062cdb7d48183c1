import { randomUUID } from 'node:crypto';
import type { PipelineError } from '@event-pipeline/runtime';
import type { Queue } from '../queue';
import {
  batchOf,
  bodiesOf,
  drainAll,
  event,
  events,
  expectConserved,
  put,
  startRedisCluster,
  take,
  type RedisCluster,
} from '../testing';
import {
  createRedisQueueUnderTest,
  untilAnswered,
  type RedisQueueUnderTest,
} from './testing/redis-queue-under-test';

let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await startRedisCluster({ nodes: 3 });
});

afterAll(() => cluster.stop());

/** Moves the queue to the next node, live. */
async function moveOn(name: string, options?: Parameters<RedisCluster['moveSlot']>[2]) {
  const slot = cluster.slotOf(name);
  const from = cluster.nodes.indexOf(await cluster.ownerOf(slot));
  await cluster.moveSlot(slot, cluster.nodes[(from + 1) % cluster.nodes.length]!, options);
}

describe('while the slot of a queue moves', () => {
  let context: RedisQueueUnderTest;
  let queue: Queue;
  const open = async (commandTimeoutMs: number) => {
    context = await createRedisQueueUnderTest(cluster, { commandTimeoutMs });
    queue = context.queue;
  };
  afterEach(() => context.dispose());

  it('a call waits for the end of the move, and is carried out once', async () => {
    await open(20_000);
    await put(queue, events(1, 5));
    const lease = await take(queue, { maxEvents: 2 });
    const calls: Promise<unknown>[] = [];
    await moveOn(context.name, {
      keysPerStep: 1,
      midway: async () => {
        // Some keys of each script are here, some there, some nowhere.
        calls.push(
          queue.enqueue(0, [batchOf([event(6)])]),
          queue.settle(lease, [{ index: 1, outcome: 'retry', delayMs: 0 }]),
          queue.stats(0),
        );
        const over = await Promise.race([...calls, later(300)]);
        expect(over).toBe('later');
      },
    });
    const [enqueued] = await Promise.all(calls);
    expect(enqueued).toEqual([{ outcome: 'queued' }]);
    expect(await drainAll(queue)).toEqual([event(2), ...events(3, 6)]);
    const stats = await queue.stats(0);
    expectConserved(stats);
    expect(stats).toMatchObject({ enqueued: 6, processed: 6 });
  });

  it('a call that cannot wait so long is refused in time, and can be repeated', async () => {
    // ioredis tries every 100 ms: the next try would come after the refusal and after the move.
    await open(220);
    const batch = batchOf(events(1, 5));
    await put(queue, [event(0)]);
    await moveOn(context.name, {
      keysPerStep: 1,
      midway: async () => {
        const refusal = queue.enqueue(0, [batch]);
        await expect(refusal).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
      },
    });
    // Time for a try that was put off, if there were one.
    await later(300);
    // Not "duplicate": what was refused is not carried out behind the caller's back.
    expect(await untilAnswered(() => queue.enqueue(0, [batch]))).toEqual([{ outcome: 'queued' }]);
    expect(await drainAll(queue)).toEqual(events(0, 5));
  });

  it('a wait finds its key again and is woken', async () => {
    await open(5_000);
    const other = await context.openAnother();
    const { signal } = new AbortController();
    for (let move = 0; move < 3; move += 1) {
      await moveOn(context.name);
      // As a worker does: it looks, then waits, as long as it takes.
      const woken = (async () => {
        while ((await queue.stats(0)).pending === 0) await queue.waitForEvents(0, 60_000, signal);
      })();
      const owner = await cluster.ownerOf(cluster.slotOf(context.name));
      await untilAnswered(async () =>
        expect(String(await owner.command('client', 'list'))).toMatch(
          new RegExp(`name=${context.name}:waiting .*cmd=blpop`),
        ),
      );
      await put(other, [event(move)]);
      await woken;
      expect(await drainAll(queue)).toEqual([event(move)]);
    }
  });
});

it('nothing is lost or doubled while slots move back and forth under load', async () => {
  const names = ['load-a', 'load-b', 'load-c'].map((name) => `${name}-${randomUUID()}`);
  const sides = await Promise.all(
    names.map((name) => createRedisQueueUnderTest(cluster, { name, commandTimeoutMs: 1_000 })),
  );
  let isMoving = true;
  let isOver = false;
  let refusals = 0;
  const sent = names.map((): string[] => []);
  try {
    /** Until it is answered, as the collector and the worker do. */
    const insist = async <T>(call: () => Promise<T>): Promise<{ answer: T; repeated: boolean }> => {
      for (let repeated = false; ; repeated = true) {
        if (isOver) throw new Error('the test is over');
        try {
          return { answer: await call(), repeated };
        } catch (error) {
          const { code } = error as PipelineError;
          // Settled by the call that got no answer.
          if (code === 'LEASE_LOST' && repeated) return { answer: undefined as T, repeated };
          if (code !== 'QUEUE_UNAVAILABLE') throw error;
          refusals += 1;
          await later(20);
        }
      }
    };

    const loads = sides.map(async (context, i) => {
      const { queue } = context;
      const other = await context.openAnother();
      const handled: string[] = [];
      const produce = async (into: Queue, producer: string) => {
        for (let n = 0; isMoving; n += 1) {
          const bodies = [0, 1, 2].map((i) => event(`${producer}-${n}-${i}`));
          const batch = batchOf(bodies);
          const { answer, repeated } = await insist(() => into.enqueue(0, [batch]));
          expect(answer[0]?.outcome).toBe(repeated ? answer[0]?.outcome : 'queued');
          sent[i]!.push(...bodies);
        }
      };
      const consume = async (from: Queue) => {
        for (let isLast = false; ;) {
          const leaseId = randomUUID();
          const { answer } = await insist(() =>
            from.receive({
              partition: 0,
              leaseId,
              maxEvents: 7,
              maxBytes: 1_000_000,
              leaseMs: 60_000,
              isolated: 'skip',
            }),
          );
          const { lease } = answer;
          if (!lease) {
            if (isLast) return;
            isLast = producersAreDone;
            continue;
          }
          await insist(() => from.settle(lease, []));
          handled.push(...bodiesOf(lease));
        }
      };
      let producersAreDone = false;
      const consumers = [consume(queue), consume(other)];
      await Promise.all([produce(queue, 'p'), produce(other, 'q')]);
      producersAreDone = true;
      await Promise.all(consumers);
      return { queue, sent: sent[i]!, handled };
    });

    const loaded = Promise.all(loads);
    loaded.catch(() => (isOver = true));

    // With enough of the load before each move that there is something to move.
    for (let round = 1; round <= 4; round += 1) {
      await Promise.all(
        names.map(async (name, i) => {
          while (sent[i]!.length < round * 300 && !isOver) await later(10);
          // One move in four takes longer than a call may.
          const pause = round === 3 ? 1_500 : 50;
          await moveOn(name, { keysPerStep: 20, midway: async () => void (await later(pause)) });
        }),
      );
    }
    isMoving = false;

    for (const { queue, sent, handled } of await loaded) {
      expect(handled.toSorted()).toEqual(sent.toSorted());
      const stats = await queue.stats(0);
      expectConserved(stats);
      expect(stats).toMatchObject({ enqueued: sent.length, processed: sent.length, bytes: 0 });
    }
    expect(refusals).toBeGreaterThan(0);
  } finally {
    isOver = true;
    await Promise.all(sides.map((context) => context.dispose()));
  }
});

const later = (ms: number) =>
  new Promise<'later'>((resolve) => setTimeout(() => resolve('later'), ms));
