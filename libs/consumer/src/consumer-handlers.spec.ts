import type { EventHandler, HandlerContext } from './event-handler';
import { MAX_ABANDONED_CALLS } from './abandoned-calls';
import { FAILURES_TO_PAUSE } from './handler-breaker';
import { LEASE_MS, LONG, Scene, range, type Numbered } from './testing/consumer-scene';

/** Hours of the clock take seconds on a busy machine. */
jest.setTimeout(60_000);

const forever = () => new Promise<never>(() => undefined);
const LIMIT_MS = 60_000;
const limited = { handlerTimeoutMs: LIMIT_MS };
const PAUSED = 'a handler keeps failing: its events wait, some are tried';
const WORKS = 'a handler works again';

/** Odd numbers are of one type, even ones of the other. */
const oddAndEven = {
  decode: (body: string) => JSON.parse(body) as Numbered,
  typeOf: ({ n }: Numbered) => (n % 2 === 1 ? 'odd' : 'even'),
  idOf: ({ n }: Numbered) => `${n}`,
};
const handlers = (odd: EventHandler<Numbered>, even: EventHandler<Numbered>) => ({
  codec: oddAndEven,
  handlers: new Map([
    ['odd', odd],
    ['even', even],
  ]),
});
const even = (from: number, to: number) => range(from, to).filter((n) => n % 2 === 0);
const sorted = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);

describe('a handler that hangs', () => {
  it('is abandoned after its limit, and the lease goes on with the next event', async () => {
    const scene = new Scene();
    await scene.put(1, 5);
    const seen: number[] = [];
    const handle = ({ n }: Numbered) => {
      seen.push(n);
      return n === 2 ? forever() : undefined;
    };
    await scene.start(handle, limited);
    await scene.advance(LIMIT_MS - 1);
    expect(seen).toEqual([1, 2]);
    await scene.advance(1);
    expect(seen).toEqual(range(1, 5));
    expect(await scene.memory.stats(0)).toMatchObject({ processed: 4, delayed: 1, retried: 1 });
  });

  it('is paused sooner than one that fails at once', async () => {
    const scene = new Scene();
    await scene.put(1, 10);
    let calls = 0;
    const hang = () => {
      calls++;
      return forever();
    };
    await scene.start(hang, limited);
    await scene.advance(4 * LIMIT_MS - 1);
    expect(scene.messagesAt('warn')).not.toContain(PAUSED);
    await scene.advance(1);
    expect(scene.messagesAt('warn')).toContain(PAUSED);
    expect(calls).toBe(4);
  });

  it('ends in the dead letters with an error that says so', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    const retryPolicy = { maxAttempts: 2, baseDelayMs: 1, maxDelayMs: 1, maxAgeMs: 0 };
    await scene.start(forever, { ...limited, retryPolicy });
    await scene.advance(LONG);
    expect(scene.memory.deadLettersIn()).toMatchObject([
      {
        reason: 'attempts-exhausted',
        attempts: 2,
        error: 'HandlerTimeoutError: the handler did not end within 60000 ms and was abandoned',
      },
    ]);
    await scene.expectLeft({ dead: 1, expiredLeases: 0 });
  });

  it('is told by its signal, which the next event does not share', async () => {
    const scene = new Scene();
    await scene.put(1, 2);
    const contexts: HandlerContext[] = [];
    await scene.start((_, context) => {
      contexts.push(context);
      return contexts.length === 1 ? forever() : undefined;
    }, limited);
    await scene.advance(LIMIT_MS);
    expect(contexts.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    expect(contexts[0]?.signal.reason).toMatchObject({ name: 'HandlerTimeoutError' });
  });

  it('changes nothing by what it comes to later', async () => {
    const scene = new Scene();
    await scene.put(1, 3);
    const ends: (() => void)[] = [];
    const handle = ({ n }: Numbered) => {
      if (n === 1) return new Promise<void>((resolve) => ends.push(resolve));
      if (n === 2)
        return new Promise<void>((_, reject) => ends.push(() => reject(new Error('late'))));
      return scene.clock.sleep(1_000);
    };
    const retryPolicy = { maxAttempts: 1, baseDelayMs: 1, maxDelayMs: 1, maxAgeMs: 0 };
    await scene.start(handle, { ...limited, retryPolicy });
    await scene.advance(2 * LIMIT_MS);
    for (const end of ends) end();
    await scene.advance(1_000);
    const dead = scene.memory.deadLettersIn().map(({ body }) => body);
    expect(dead).toEqual(['{"n":1}', '{"n":2}']);
    await scene.expectLeft({ processed: 1, dead: 2 });
  });

  it('is abandoned at its own limit, whatever runs beside it', async () => {
    const scene = new Scene();
    await scene.put(1, 2);
    const ends: [string, number][] = [];
    const hang =
      (name: string) =>
      (_: Numbered, { signal }: HandlerContext) => {
        signal.addEventListener('abort', () => ends.push([name, scene.clock.monotonic()]));
        return forever();
      };
    await scene.start(() => undefined, {
      ...limited,
      ...handlers(hang('odd'), { handle: hang('even'), timeoutMs: 1_000 }),
      concurrency: 2,
      batchSize: 1,
    });
    await scene.advance(LIMIT_MS);
    expect(ends[0]).toEqual(['even', 1_000]);
    expect(ends).toContainEqual(['odd', LIMIT_MS]);
  });

  it('leaves no timer behind when the consumer has stopped', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    const consumer = await scene.start(forever, limited);
    await scene.advance(0);
    const stopped = consumer.stop(AbortSignal.abort());
    await scene.advance(1_000);
    await stopped;
    expect(scene.clock.sleeping).toBe(0);
  });

  it('has as much time as it says itself, and ten times as much for a batch', async () => {
    const scene = new Scene();
    await scene.put(1, 2);
    await scene.start(() => undefined, {
      ...limited,
      ...handlers({ handle: forever, timeoutMs: 100_000 }, { batch: forever }),
    });
    await scene.advance(99_999);
    expect(await scene.memory.stats(0)).toMatchObject({ leased: 2 });
    await scene.advance(1 + 10 * LIMIT_MS - 1);
    expect(await scene.memory.stats(0)).toMatchObject({ leased: 2 });
    await scene.advance(1);
    expect(await scene.memory.stats(0)).toMatchObject({ retried: 2 });
  });

  it('is not hurried by many short calls before it', async () => {
    const scene = new Scene();
    await scene.put(1, 101);
    const handle = ({ n }: Numbered) => scene.clock.sleep(n === 101 ? LIMIT_MS - 1 : 1_000);
    await scene.start(handle, { ...limited, batchSize: 200 });
    for (let n = 1; n <= 100; n++) await scene.advance(1_000);
    await scene.advance(LIMIT_MS - 1);
    await scene.expectLeft({ processed: 101, retried: 0 });
  });

  it('gets no further events once too many calls have not ended, and the worker is not live', async () => {
    const scene = new Scene();
    await scene.put(1, 200);
    const ends: (() => void)[] = [];
    const held: number[] = [];
    let hangs = true;
    const consumer = await scene.start(() => undefined, {
      ...handlers(
        {
          handle: () => (hangs ? new Promise<void>((resolve) => ends.push(resolve)) : undefined),
          timeoutMs: 1_000,
        },
        () => undefined,
      ),
      concurrency: 4,
      batchSize: 20,
      observer: { onAbandonedCalls: (_, calls) => held.push(calls) },
    });
    await scene.advance(LONG * 3);
    expect(ends.length).toBeGreaterThanOrEqual(MAX_ABANDONED_CALLS);
    expect(ends.length).toBeLessThan(MAX_ABANDONED_CALLS + 4);
    expect(consumer.stalledReason()).toMatch(/^\d+ calls of the handler "odd" never ended/);
    expect(await scene.memory.stats(0)).toMatchObject({ processed: 100 });
    expect(scene.messagesAt('error')).toHaveLength(1);
    hangs = false;
    for (const end of ends) end();
    await scene.advance(LONG);
    expect(held.at(-1)).toBe(0);
    expect(consumer.stalledReason()).toBeUndefined();
    await scene.expectLeft({ processed: 200 });
  });
});

describe('a handler that keeps failing', () => {
  const fail = () => {
    throw new Error('its database is gone');
  };

  it('slows only its own events, and spends few of their attempts', async () => {
    const scene = new Scene();
    await scene.put(1, 1_000);
    const seen: number[] = [];
    const changes: [string, boolean][] = [];
    await scene.start(fail, {
      ...handlers(fail, ({ n }) => void seen.push(n)),
      concurrency: 4,
      batchSize: 100,
      observer: { onHandlerPaused: (...change) => changes.push(change) },
    });
    await scene.advance(10);
    expect(sorted(seen)).toEqual(even(1, 1_000));
    await scene.advance(60_000);
    const { dead, retried, delayed, processed } = await scene.memory.stats(0);
    expect({ dead, delayed, processed }).toEqual({ dead: 0, delayed: 500, processed: 500 });
    expect(retried).toBeGreaterThan(FAILURES_TO_PAUSE);
    expect(retried).toBeLessThan(FAILURES_TO_PAUSE + 25);
    const paused = scene.sink.lines.filter(({ msg }) => msg === PAUSED);
    expect(paused).toMatchObject([{ handler: 'odd', error: 'its database is gone' }]);
    const putOff = scene.sink.lines.filter(
      ({ events, deferred }) => deferred === events && Number(events) > 0,
    );
    expect(putOff.filter(({ level }) => level !== 'debug')).toEqual([]);
    expect(changes).toEqual([
      ['odd', false],
      ['even', false],
      ['odd', true],
    ]);
  });

  it('has its events handled soon after it works again', async () => {
    const scene = new Scene();
    await scene.put(1, 1_000);
    let works = false;
    const seen: number[] = [];
    await scene.start(
      ({ n }) => {
        if (!works) fail();
        seen.push(n);
      },
      { concurrency: 4, batchSize: 100 },
    );
    await scene.advance(10 * 60_000);
    works = true;
    await scene.advance(90_000);
    expect(sorted(seen)).toEqual(range(1, 1_000));
    expect(scene.messagesAt('info').filter((line) => line === WORKS)).toHaveLength(1);
    await scene.expectLeft({ processed: 1_000 });
  });

  it('of the batch form is tried with single events', async () => {
    const scene = new Scene();
    await scene.put(1, 400);
    const sizes: number[] = [];
    let works = false;
    await scene.start(
      {
        batch: (events) => {
          sizes.push(events.length);
          if (!works) fail();
        },
      },
      { batchSize: 10 },
    );
    await scene.advance(20);
    expect(sizes).toEqual(Array(FAILURES_TO_PAUSE).fill(10));
    await scene.advance(20_000);
    expect(sizes.length).toBeGreaterThan(FAILURES_TO_PAUSE + 2);
    expect(new Set(sizes.slice(FAILURES_TO_PAUSE))).toEqual(new Set([1]));
    works = true;
    await scene.advance(90_000);
    await scene.expectLeft({ processed: 400 });
  });

  it('still has its events end in the dead letters', async () => {
    const scene = new Scene();
    await scene.put(1, 30);
    const retryPolicy = { maxAttempts: 3, baseDelayMs: 100, maxDelayMs: 1_000, maxAgeMs: 0 };
    await scene.start(fail, { retryPolicy });
    await scene.advance(60 * 60_000);
    const reasons = scene.memory.deadLettersIn().map(({ reason, attempts }) => [reason, attempts]);
    expect(reasons).toEqual(Array(30).fill(['attempts-exhausted', 3]));
    await scene.expectLeft({ dead: 30 });
  });

  it('does not keep an isolated event from its turn', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    await scene.leaseAndDie(1);
    await scene.expire();
    await scene.put(2, 40);
    const seen: number[] = [];
    await scene.start(({ n }) => {
      seen.push(n);
      fail();
    });
    await scene.advance(LEASE_MS);
    expect(seen).toContain(1);
  });

  it('is not taken for failing when its events are bad: all good ones are handled at once', async () => {
    const scene = new Scene();
    await scene.put(1, 500);
    const seen: number[] = [];
    const handle = ({ n }: Numbered) => {
      if (n % 5 === 0) throw new Error('bad');
      if (n % 7 === 0) throw Object.assign(new Error('worse'), { permanent: true });
      seen.push(n);
    };
    await scene.start(handle, { concurrency: 2, batchSize: 50 });
    await scene.advance(10);
    expect(sorted(seen)).toEqual(range(1, 500).filter((n) => n % 5 !== 0 && n % 7 !== 0));
    await scene.advance(60 * 60_000);
    expect(scene.messagesAt('warn')).not.toContain(PAUSED);
    await scene.expectLeft({ processed: seen.length, dead: 500 - seen.length });
  });
});

describe('an event that makes a whole batch fail', () => {
  it('ends in the dead letters alone', async () => {
    const scene = new Scene();
    await scene.put(1, 50);
    const seen: number[] = [];
    await scene.start(
      {
        batch: (events) => {
          if (events.some(({ n }) => n === 17)) throw new Error('cannot read 17');
          seen.push(...events.map(({ n }) => n));
        },
      },
      { batchSize: 50 },
    );
    await scene.advance(60 * 60_000);
    expect(sorted(seen)).toEqual(range(1, 50).filter((n) => n !== 17));
    expect(scene.memory.deadLettersIn()).toMatchObject([{ body: '{"n":17}', attempts: 10 }]);
  });

  it('does so with few attempts, too', async () => {
    const scene = new Scene();
    await scene.put(1, 50);
    const retryPolicy = { maxAttempts: 2, baseDelayMs: 1, maxDelayMs: 1, maxAgeMs: 0 };
    const batch = (events: readonly Numbered[]) => {
      if (events.some(({ n }) => n === 17)) throw new Error('cannot read 17');
    };
    await scene.start({ batch }, { batchSize: 50, retryPolicy });
    await scene.advance(60 * 60_000);
    await scene.expectLeft({ processed: 49, dead: 1 });
  });
});

describe('an event that keeps failing', () => {
  it('is given up at its maximum age, by the clock of the queue', async () => {
    const scene = new Scene();
    await scene.put(1, 1);
    const retryPolicy = {
      maxAttempts: 1_000,
      baseDelayMs: 60_000,
      maxDelayMs: 60_000,
      maxAgeMs: LONG,
    };
    await scene.start(
      () => {
        throw new Error('no');
      },
      { retryPolicy },
    );
    await scene.advance(LONG - 1);
    expect(scene.memory.deadLettersIn()).toEqual([]);
    await scene.advance(70_000);
    expect(scene.memory.deadLettersIn()).toMatchObject([{ reason: 'too-old', error: 'no' }]);
  });

  it('may have more or fewer attempts than those of other handlers', async () => {
    const scene = new Scene();
    await scene.put(1, 2);
    const fail = () => {
      throw new Error('no');
    };
    await scene.start(fail, {
      retryPolicy: { maxAttempts: 3, baseDelayMs: 10, maxDelayMs: 10, maxAgeMs: 0 },
      ...handlers({ handle: fail, retry: { maxAttempts: 5 } }, fail),
    });
    await scene.advance(LONG);
    expect(scene.memory.deadLettersIn()).toMatchObject([
      { body: '{"n":2}', attempts: 3, handler: 'even' },
      { body: '{"n":1}', attempts: 5, handler: 'odd' },
    ]);
  });
});
