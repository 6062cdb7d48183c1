import { LONG, Scene, fails, never, range, times } from './testing/consumer-scene';

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
      { retryPolicy: { maxAttempts: 4, baseDelayMs: 100, maxDelayMs: 1_000, maxAgeMs: 0 } },
    );
    await scene.advance(LONG);
    expect(scene.memory.deadLettersIn()).toMatchObject([
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
        failures: [{ handler: '*', type: 'numbered', events: 5 }],
      },
    ]);
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
    scene.queue.next('receive', ...times(1_000, fails));
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
