import { PipelineError } from '@event-pipeline/runtime';
import { SeededRandom, SimulatedClock } from '@event-pipeline/runtime/testing';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { Consumer, type ConsumerOptions } from './consumer';
import type { LostLease, ObservedLease, SettledLease } from './consumer-observer';
import type { EventHandler } from './event-handler';
import { InMemoryQueue, InterceptedQueue, unavailable, type InMemoryQueueOptions } from './testing';

interface Numbered {
  readonly n: number;
}

const LEASE_MS = 30_000;
const LONG = 10 * LEASE_MS;
const never = new AbortController().signal;

const codec = {
  decode: (body: string) => JSON.parse(body) as Numbered,
  typeOf: () => 'numbered',
  idOf: ({ n }: Numbered) => `${n}`,
};

/** A queue, a clock that stands still, and consumers over them. */
class Scene {
  readonly clock = new SimulatedClock();
  readonly sink = createLogSink('info');
  readonly memory: InMemoryQueue;
  readonly queue: InterceptedQueue;
  readonly leases: ObservedLease[] = [];
  readonly settled: SettledLease<Numbered>[] = [];
  readonly lost: LostLease[] = [];
  private batches = 0;
  private consumers: Consumer<Numbered>[] = [];

  constructor(options: InMemoryQueueOptions = {}) {
    this.memory = new InMemoryQueue(this.clock, options);
    this.queue = new InterceptedQueue(this.memory);
  }

  consumer(
    handler: EventHandler<Numbered>,
    options: Partial<ConsumerOptions<Numbered>> = {},
  ): Consumer<Numbered> {
    const consumer = new Consumer<Numbered>({
      queue: this.queue,
      codec,
      handlers: new Map([['*', handler]]),
      clock: this.clock,
      random: new SeededRandom(this.consumers.length + 1),
      logger: this.sink.logger,
      observer: {
        onLease: (lease) => this.leases.push(lease),
        onSettled: (lease) => this.settled.push(lease),
        onLost: (lease) => this.lost.push(lease),
      },
      concurrency: 1,
      batchSize: 10,
      batchBytes: 1_000_000,
      leaseMs: LEASE_MS,
      ...options,
    });
    this.consumers.push(consumer);
    return consumer;
  }

  async start(
    handler: EventHandler<Numbered>,
    options: Partial<ConsumerOptions<Numbered>> = {},
  ): Promise<Consumer<Numbered>> {
    const consumer = this.consumer(handler, options);
    await consumer.start();
    return consumer;
  }

  async put(from: number, to: number, partition = 0): Promise<void> {
    const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    const bodies = numbers.map((n) => `{"n":${n}}`);
    const batch = { id: `${this.batches++}`, digest: '', answer: '', rememberMs: 1, bodies };
    await this.queue.enqueue(partition, [batch]);
  }

  /** Leases events as a worker does that then dies: the lease stays until it expires. */
  async leaseAndDie(maxEvents: number, isolated: 'skip' | 'only' = 'skip') {
    const leaseId = new SeededRandom(this.batches++ + 1_000).uuid();
    const limits = { maxEvents, maxBytes: 1_000_000, leaseMs: LEASE_MS };
    return this.memory.receive({ partition: 0, leaseId, isolated, ...limits });
  }

  /** Lets all leases expire and takes them back. */
  async expire(): Promise<void> {
    await this.clock.advance(LEASE_MS + 1);
    await this.memory.reclaim(0, { maxLeases: 1_000, maxCrashes: 3 });
  }

  /** Every event is accounted for, and none is left but those named. */
  async expectLeft(left: Partial<Awaited<ReturnType<InMemoryQueue['stats']>>>): Promise<void> {
    for (let partition = 0; partition < this.memory.partitionCount(); partition++) {
      const stats = await this.memory.stats(partition);
      const { pending, suspect, leased, delayed, processed, dead, purged } = stats;
      expect(stats.enqueued).toBe(pending + suspect + leased + delayed + processed + dead + purged);
      const none = { pending: 0, suspect: 0, leased: 0, delayed: 0, dead: 0, leases: 0 };
      expect(stats).toMatchObject({ ...none, ...left });
    }
  }

  /** Moves time, then lets the loops go on, which give the event loop a turn between events. */
  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
    for (let turn = 0; turn < 5; turn++) await this.clock.advance(0);
  }

  messagesAt(level: string): string[] {
    return this.sink.lines.filter((line) => line.level === level).map(({ msg }) => msg);
  }
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('a consumer', () => {
  it('hands every event once to its handler, in the order of the queue with concurrency 1', async () => {
    const scene = new Scene();
    await scene.put(1, 95);
    const seen: number[] = [];
    const consumer = await scene.start(({ n }) => void seen.push(n));
    await scene.advance(1_000);
    expect(seen).toEqual(range(1, 95));
    await scene.expectLeft({ processed: 95 });
    await consumer.stop(never);
  });

  it('takes up events that come later, without waiting for its turn', async () => {
    const scene = new Scene();
    const seen: number[] = [];
    await scene.start(({ n }) => void seen.push(n), { concurrency: 4 });
    await scene.advance(5_500);
    await scene.put(1, 3);
    await scene.advance(0);
    expect(seen).toEqual([1, 2, 3]);
  });

  it('works on as many leases side by side as it may, and on no more', async () => {
    const scene = new Scene();
    await scene.put(1, 200);
    let inHand = 0;
    let most = 0;
    await scene.start(
      {
        batch: async () => {
          most = Math.max(most, ++inHand);
          await scene.clock.sleep(100);
          inHand--;
        },
      },
      { concurrency: 4 },
    );
    await scene.advance(99);
    expect(await scene.memory.stats(0)).toMatchObject({ leases: 4, leased: 40 });
    await scene.advance(10_000);
    expect(most).toBe(4);
    await scene.expectLeft({ processed: 200 });
  });

  it('asks for several leases at once while leases are full, and for one at a time otherwise', async () => {
    const scene = new Scene();
    await scene.put(1, 200);
    let asking = 0;
    const most: number[] = [0];
    const receive = scene.queue.receive.bind(scene.queue);
    scene.queue.receive = async (request) => {
      most.push(Math.max(most.pop() as number, ++asking));
      await scene.clock.sleep(5);
      asking--;
      return receive(request);
    };
    await scene.start(() => undefined, { concurrency: 4 });
    await scene.advance(2_000);
    await scene.expectLeft({ processed: 200 });
    most.push(0);
    for (let n = 201; n < 205; n++) {
      await scene.put(n, n);
      await scene.advance(2_000);
    }
    expect(most).toEqual([4, 1]);
  });

  it('keeps one wait on an empty partition, not one for each of its loops', async () => {
    const scene = new Scene();
    await scene.start(() => undefined, { concurrency: 8 });
    await scene.advance(10_500);
    expect(scene.queue.callsOf('waitForEvents')).toHaveLength(11);
    expect(scene.queue.callsOf('receive')).toHaveLength(11);
  });

  it('takes from all partitions in turn', async () => {
    const scene = new Scene({ partitions: 3 });
    for (const partition of [0, 1, 2]) {
      await scene.put(partition * 1_000 + 1, partition * 1_000 + 50, partition);
    }
    await scene.start(() => undefined);
    await scene.advance(1_000);
    expect(scene.leases.map(({ partition }) => partition)).toEqual(
      Array.from({ length: 5 }, () => [0, 1, 2]).flat(),
    );
    await scene.expectLeft({ processed: 50 });
  });

  it('shares the load with others over the same queue', async () => {
    const scene = new Scene();
    await scene.put(1, 300);
    const seen = [0, 0, 0];
    for (const worker of [0, 1, 2]) {
      await scene.start(async () => {
        seen[worker]!++;
        await scene.clock.sleep(1);
      });
    }
    await scene.advance(10_000);
    expect(seen).toEqual([100, 100, 100]);
    await scene.expectLeft({ processed: 300 });
  });

  it('tries a failed event again until it succeeds', async () => {
    const scene = new Scene();
    await scene.put(1, 3);
    const attempts: number[] = [];
    await scene.start(({ n }, { attempt }) => {
      if (n !== 2) return;
      attempts.push(attempt);
      if (attempt < 4) throw new Error('not yet');
    });
    await scene.advance(LONG);
    expect(attempts).toEqual([1, 2, 3, 4]);
    await scene.expectLeft({ processed: 3, retried: 3 });
  });

  it('makes a dead letter of an event that fails each time, of one that fails for good, and of no event', async () => {
    const scene = new Scene();
    await scene.put(1, 3);
    await scene.memory.enqueue(0, [
      { id: 'x', digest: '', answer: '', rememberMs: 1, bodies: ['{no json'] },
    ]);
    await scene.start(
      ({ n }) => {
        if (n === 1) throw new Error('each time');
        if (n === 2) throw Object.assign(new Error('for good'), { permanent: true });
      },
      { retryPolicy: { maxAttempts: 4, baseDelayMs: 100, maxDelayMs: 1_000 } },
    );
    await scene.advance(LONG);
    expect(scene.memory.deadLetters()).toMatchObject([
      { body: '{"n":2}', reason: 'permanent-error', error: 'for good', handler: '*', attempts: 1 },
      { body: '{no json', reason: 'undecodable', handler: '' },
      { body: '{"n":1}', reason: 'attempts-exhausted', error: 'each time', attempts: 4 },
    ]);
    await scene.expectLeft({ processed: 1, dead: 3 });
  });

  it('logs one line a lease, and names one failure where there were some', async () => {
    const scene = new Scene();
    await scene.put(1, 20);
    await scene.start(({ n }) => {
      if (n > 15) throw new Error(`no to ${n}`);
    });
    await scene.advance(0);
    expect(scene.sink.lines).toHaveLength(2);
    expect(scene.sink.lines).toMatchObject([
      { level: 'info', msg: 'processed a lease', events: 10, done: 10, retried: 0, ms: 0 },
      {
        level: 'warn',
        msg: 'events of a lease failed',
        events: 10,
        done: 5,
        retried: 5,
        firstFailure: { eventId: '16', error: 'no to 16', attempt: 1 },
      },
    ]);
  });
});

describe('a lease of a consumer', () => {
  it('is held for as long as its handlers run', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    let handled = 0;
    await scene.start(async () => {
      handled++;
      await scene.clock.sleep(LONG);
    });
    await scene.start(() => void handled++);
    await scene.advance(LONG + 1_000);
    expect(handled).toBe(1);
    await scene.expectLeft({ processed: 1, expiredLeases: 0 });
  });

  it('tells its handlers when it is lost, is not settled, and is counted and logged once', async () => {
    const scene = new Scene();
    await scene.put(1, 3);
    const seen: number[] = [];
    let reason: unknown;
    await scene.start(async ({ n }, { signal }) => {
      seen.push(n);
      if (n !== 2 || reason !== undefined) return;
      await scene.clock.sleep(LONG, signal);
      reason = signal.aborted;
    });
    scene.queue.next('extend', async () => {
      throw new PipelineError('LEASE_LOST', 'taken back');
    });
    await scene.advance(LEASE_MS / 3);
    expect(reason).toBe(true);
    expect(scene.lost).toMatchObject([{ events: 3, reason: 'refused' }]);
    expect(scene.messagesAt('warn')).toEqual(['lost a lease; its events come again']);
    expect(scene.queue.callsOf('settle')).toEqual([]);
    await scene.advance(2 * LEASE_MS);
    expect(seen).toEqual([1, 2, 1, 2, 3]);
    await scene.expectLeft({ processed: 3, expiredLeases: 1 });
    expect(scene.lost).toHaveLength(1);
  });

  it('is settled late where its time ran out and nobody has taken it', async () => {
    const scene = new Scene();
    await scene.put(1, 3);
    const seen: number[] = [];
    await scene.start(async ({ n }, { signal }) => {
      seen.push(n);
      if (n === 2 && seen.length === 2) await scene.clock.sleep(LONG, signal);
    });
    const fails = async () => {
      throw unavailable();
    };
    scene.queue.next('extend', ...Array<typeof fails>(100).fill(fails));
    scene.queue.next('reclaim', ...Array<typeof fails>(100).fill(fails));
    await scene.advance(LEASE_MS);
    expect(seen).toEqual([1, 2, 2, 3]);
    expect(scene.lost).toEqual([]);
    await scene.expectLeft({ processed: 3 });
  });

  it('is lost where its time ran out and another has taken it: settled by that one alone', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    const consumer = await scene.start(async (_, { signal }) => {
      await scene.clock.sleep(LONG, signal);
    });
    const fails = async () => {
      throw unavailable();
    };
    scene.queue.next('extend', ...Array<typeof fails>(100).fill(fails));
    await scene.advance(LEASE_MS - 1);
    const held = scene.queue.callsOf('receive')[0]![0] as { leaseId: string };
    await scene.memory.settle({ partition: 0, id: held.leaseId, size: 1 }, []);
    await scene.advance(1);
    expect(scene.lost).toMatchObject([{ reason: 'deadline-passed' }]);
    await consumer.stop(never);
    await scene.expectLeft({ processed: 1 });
  });

  it('is not extended any more while it is being settled', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    scene.queue.next('settle', ({ proceed }) => scene.clock.sleep(2 * LEASE_MS).then(proceed));
    await scene.start(() => undefined);
    await scene.advance(3 * LEASE_MS);
    expect(scene.queue.callsOf('extend')).toEqual([]);
  });

  it('that was settled by a call without an answer is counted as ambiguous, and nothing else happens', async () => {
    const scene = new Scene();
    await scene.put(1, 3);
    const seen: number[] = [];
    scene.queue.next('settle', async ({ proceed }) => {
      await proceed();
      throw unavailable();
    });
    await scene.start(({ n }) => void seen.push(n));
    await scene.advance(LONG);
    expect(seen).toEqual([1, 2, 3]);
    expect(scene.lost).toMatchObject([{ reason: 'ambiguous' }]);
    await scene.expectLeft({ processed: 3 });
  });

  it('is settled once the queue answers again', async () => {
    const scene = new Scene();
    await scene.put(1, 3);
    const fails = async () => {
      throw unavailable();
    };
    scene.queue.next('settle', fails, fails, fails);
    await scene.start(() => undefined);
    await scene.advance(5_000);
    expect(scene.settled).toHaveLength(1);
    expect(scene.messagesAt('warn')).toEqual([
      'the queue does not answer; trying again until it does',
    ]);
    await scene.expectLeft({ processed: 3 });
  });
});

describe('what another worker left behind', () => {
  it('is taken back and handled', async () => {
    const scene = new Scene();
    await scene.put(1, 40);
    await scene.leaseAndDie(20);
    const seen: number[] = [];
    await scene.start(({ n }) => void seen.push(n));
    await scene.advance(1_000);
    expect(seen).toEqual(range(21, 40));
    await scene.advance(2 * LEASE_MS);
    expect(seen).toEqual([...range(21, 40), ...range(1, 20)]);
    await scene.expectLeft({ processed: 40, expiredLeases: 1 });
  });

  it('runs with nothing beside it when it may be what ended the other', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    await scene.leaseAndDie(1);
    await scene.expire();
    await scene.put(2, 100);
    let inHand = 0;
    let besideOne: number | undefined;
    await scene.start(
      {
        batch: async (events) => {
          inHand++;
          if (events.some(({ n }) => n === 1)) besideOne = inHand - 1;
          await scene.clock.sleep(10);
          if (events.some(({ n }) => n === 1)) besideOne = Math.max(besideOne ?? 0, inHand - 1);
          inHand--;
        },
      },
      { concurrency: 4 },
    );
    await scene.advance(10_000);
    expect(besideOne).toBe(0);
    expect(scene.leases.filter(({ isolated }) => isolated)).toMatchObject([{ events: 1 }]);
    await scene.expectLeft({ processed: 100 });
  });

  it('is worked off soon, also where many such events wait', async () => {
    const scene = new Scene();
    await scene.put(1, 50);
    for (let i = 0; i < 50; i++) await scene.leaseAndDie(1);
    await scene.expire();
    expect(await scene.memory.stats(0)).toMatchObject({ suspect: 50 });
    await scene.put(51, 90);
    const seen: number[] = [];
    await scene.start(({ n }) => void seen.push(n), { concurrency: 4 });
    await scene.advance(100);
    expect(seen.sort((a, b) => a - b)).toEqual(range(1, 90));
    await scene.expectLeft({ processed: 90 });
  });

  it('does not keep the other events waiting when another worker takes it first, each time', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    await scene.leaseAndDie(1);
    await scene.expire();
    await scene.put(2, 500);
    const taken = async () => ({ isolatedWaiting: true });
    const receive = scene.queue.receive.bind(scene.queue);
    let isolatedTries = 0;
    scene.queue.receive = (request) => {
      if (request.isolated === 'skip') return receive(request);
      isolatedTries++;
      return taken();
    };
    const seen: number[] = [];
    await scene.start(({ n }) => void seen.push(n), { concurrency: 4 });
    await scene.advance(400);
    expect(seen.sort((a, b) => a - b)).toEqual(range(2, 500));
    expect(isolatedTries).toBe(1);
    await scene.advance(20_000);
    expect(isolatedTries).toBeGreaterThan(5);
    expect(isolatedTries).toBeLessThan(50);
  });

  it('ends in the dead letters alone where it ends every worker', async () => {
    const scene = new Scene();
    await scene.put(1, 40);
    const poison = 17;
    let crashes = 0;
    const seen: number[] = [];
    // A worker that dies of the poison never answers again: its lease is neither extended nor settled.
    const dies = () => {
      const queue = new InterceptedQueue(scene.memory);
      const dead = () => new Promise<never>(() => undefined);
      return scene.start(
        {
          batch: async (events) => {
            if (!events.some(({ n }) => n === poison))
              return void seen.push(...events.map(({ n }) => n));
            crashes++;
            queue.extend = dead;
            queue.settle = dead;
            queue.receive = dead;
            queue.reclaim = dead;
            await dead();
          },
        },
        { queue, batchSize: 40 },
      );
    };
    while ((await scene.memory.stats(0)).dead === 0 && crashes < 20) {
      await dies();
      await scene.advance(2 * LEASE_MS);
    }
    await scene.advance(2 * LEASE_MS);
    expect(scene.memory.deadLetters()).toMatchObject([
      { body: `{"n":${poison}}`, reason: 'crashed-worker' },
    ]);
    expect(seen.sort((a, b) => a - b)).toEqual(range(1, 40).filter((n) => n !== poison));
    await scene.expectLeft({ processed: 39, dead: 1 });
  });
});

describe('while the queue does not answer', () => {
  it('a consumer waits, logs one line at the beginning and one at the end, and then goes on', async () => {
    const scene = new Scene();
    await scene.put(1, 30);
    const fails = async () => {
      throw unavailable();
    };
    scene.queue.next('receive', ...Array<typeof fails>(200).fill(fails));
    const seen: number[] = [];
    await scene.start(({ n }) => void seen.push(n), { concurrency: 4 });
    await scene.advance(600_000);
    expect(seen.sort((a, b) => a - b)).toEqual(range(1, 30));
    expect(scene.sink.messages.filter((message) => message.startsWith('the queue'))).toEqual([
      'the queue does not answer; trying again until it does',
      'the queue answers again',
    ]);
  });

  it('a consumer that is told to stop ends at once', async () => {
    const scene = new Scene();
    const fails = async () => {
      throw unavailable();
    };
    scene.queue.next('receive', ...Array<typeof fails>(200).fill(fails));
    scene.queue.next('reclaim', ...Array<typeof fails>(200).fill(fails));
    const consumer = await scene.start(() => undefined, { concurrency: 4 });
    await scene.advance(5_000);
    await consumer.stop(never);
    expect(scene.clock.sleeping).toBe(0);
  });
});

describe('a consumer that stops', () => {
  it('finishes the events in hand and gives back those it has not started', async () => {
    const scene = new Scene();
    await scene.put(1, 25);
    const seen: number[] = [];
    const consumer = await scene.start(
      async ({ n }) => {
        seen.push(n);
        await scene.clock.sleep(100);
      },
      { concurrency: 2 },
    );
    await scene.advance(100);
    const stopped = consumer.stop(never);
    await scene.advance(100);
    await stopped;
    expect(seen.sort((a, b) => a - b)).toEqual([1, 2, 11, 12]);
    await scene.expectLeft({ processed: 4, pending: 21 });
    await scene.advance(LONG);
    expect(seen).toHaveLength(4);
    expect(scene.clock.sleeping).toBe(0);
  });

  it('has the rest handled by another, in order and without a failed attempt', async () => {
    const scene = new Scene();
    await scene.put(1, 10);
    const seen: [number, number][] = [];
    const slow = await scene.start(async ({ n }, { attempt }) => {
      seen.push([n, attempt]);
      await scene.clock.sleep(100);
    });
    await scene.advance(250);
    const stopped = slow.stop(never);
    await scene.advance(100);
    await stopped;
    await scene.start(({ n }, { attempt }) => void seen.push([n, attempt]));
    await scene.advance(1_000);
    expect(seen).toEqual(range(1, 10).map((n) => [n, 1]));
    await scene.expectLeft({ processed: 10, retried: 0, expiredLeases: 0 });
  });

  it('tells handlers when the grace is over, and gives back what they had not finished', async () => {
    const scene = new Scene();
    await scene.put(1, 5);
    const log: string[] = [];
    const consumer = await scene.start(async ({ n }, { signal }) => {
      log.push(`${n} begins`);
      if (n < 3) return;
      await scene.clock.sleep(LONG, signal);
      log.push(`${n} ${signal.aborted ? 'gives up' : 'ends'}`);
    });
    await scene.advance(10);
    const grace = new AbortController();
    const stopped = consumer.stop(grace.signal);
    await scene.advance(5_000);
    grace.abort();
    await stopped;
    expect(log).toEqual(['1 begins', '2 begins', '3 begins', '3 gives up']);
    await scene.expectLeft({ processed: 2, pending: 3, retried: 0 });
  });

  it('does not wait for a handler that ignores the end of the grace', async () => {
    const scene = new Scene();
    await scene.put(1, 5);
    const consumer = await scene.start(({ n }) =>
      n === 2 ? new Promise<void>(() => undefined) : undefined,
    );
    await scene.advance(10);
    await consumer.stop(AbortSignal.abort());
    await scene.expectLeft({ processed: 1, pending: 4 });
  });

  it('is not held up by a queue that does not answer, and settles nothing it has not done', async () => {
    const scene = new Scene();
    await scene.put(1, 5);
    const hangs = () => new Promise<never>(() => undefined);
    scene.queue.next('settle', hangs);
    const consumer = await scene.start(async (_, { signal }) => scene.clock.sleep(LONG, signal));
    await scene.advance(10);
    const stopped = consumer.stop(AbortSignal.abort());
    await scene.advance(500);
    await stopped;
    await scene.expectLeft({ leased: 5, leases: 1 });
  });

  it('may be stopped before its start, and twice', async () => {
    const scene = new Scene();
    const idle = scene.consumer(() => undefined);
    await idle.stop(never);
    await expect(idle.start()).rejects.toMatchObject({ code: 'INTERNAL' });
    const running = await scene.start(() => undefined);
    await Promise.all([running.stop(never), running.stop(never)]);
    await running.stop(AbortSignal.abort());
    expect(scene.queue.callsOf('receive').length).toBeLessThanOrEqual(1);
  });

  it('hastens a stop under way by a second one whose grace is over', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    const consumer = await scene.start(async (_, { signal }) => scene.clock.sleep(LONG, signal));
    await scene.advance(10);
    const patient = consumer.stop(never);
    await consumer.stop(AbortSignal.abort());
    await patient;
    await scene.expectLeft({ pending: 1 });
  });
});

describe('whether a consumer is alive', () => {
  it('is not doubted while it waits, while a handler runs for long, or while the queue is away', async () => {
    const scene = new Scene();
    const consumer = await scene.start(() => scene.clock.sleep(LONG));
    const expectAlive = async () => {
      for (let i = 0; i < 10; i++) {
        await scene.advance(30_000);
        expect(consumer.stalledReason()).toBeUndefined();
      }
    };
    await expectAlive();
    await scene.put(1, 1);
    await expectAlive();
    const fails = async () => {
      throw unavailable();
    };
    scene.queue.next('receive', ...Array<typeof fails>(1_000).fill(fails));
    await expectAlive();
  });

  it('is denied once its loops make no turn for a minute', async () => {
    const scene = new Scene();
    scene.queue.next('receive', () => new Promise<never>(() => undefined));
    const consumer = await scene.start(() => undefined);
    await scene.advance(59_000);
    expect(consumer.stalledReason()).toBeUndefined();
    await scene.advance(1_000);
    expect(consumer.stalledReason()).toBe('the consumer has made no turn for 60 s');
  });
});

describe('a mistake in a part of the consumer', () => {
  it.each([
    ['in hand with others', false],
    ['alone', true],
  ])('costs one turn and does not end the loop: an event %s', async (_, isolated) => {
    const scene = new Scene();
    await scene.put(1, 1);
    if (isolated) {
      await scene.leaseAndDie(1);
      await scene.expire();
    }
    let broken = true;
    const seen: number[] = [];
    const consumer = await scene.start(({ n }) => void seen.push(n), {
      observer: {
        onLease: (lease) => {
          if (!broken || lease.isolated !== isolated) return;
          broken = false;
          throw new Error('an observer that throws');
        },
      },
    });
    await scene.advance(5_000);
    expect(broken).toBe(false);
    expect(scene.messagesAt('warn')).toContain('a turn of the consumer failed');
    await scene.put(2, 20);
    await scene.advance(LONG);
    expect(seen.sort((a, b) => a - b)).toEqual(range(1, 20));
    expect(consumer.stalledReason()).toBeUndefined();
    await scene.expectLeft({ processed: 20 });
  });

  it('in the choice of a partition does not end the loop either', async () => {
    const scene = new Scene();
    await scene.put(1, 20);
    let broken = true;
    const partitionCount = scene.queue.partitionCount.bind(scene.queue);
    scene.queue.partitionCount = () => {
      if (!broken) return partitionCount();
      broken = false;
      throw new Error('a count that throws');
    };
    await scene.start(() => undefined);
    await scene.advance(LONG);
    await scene.expectLeft({ processed: 20 });
  });
});
