import { SeededRandom, SimulatedClock } from '@event-pipeline/runtime/testing';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import type { Delivery, RetryPolicy } from '@event-pipeline/queue';
import type { EventHandler } from './event-handler';
import { HandlerTable } from './handler-table';
import { LeaseRun } from './lease-run';
import { range } from './testing/consumer-scene';

interface Sample {
  readonly id: string;
  readonly type: string;
}

const retryPolicy: RetryPolicy = {
  maxAttempts: 3,
  baseDelayMs: 100,
  maxDelayMs: 1_000,
  maxAgeMs: 0,
};

const codec = {
  decode: (body: string) => JSON.parse(body) as Sample,
  typeOf: ({ type }: Sample) => type,
  idOf: ({ id }: Sample) => id,
};

const delivered = (body: string, attempts = 0): Delivery => ({
  body,
  attempts,
  crashes: 0,
  firstFailureAt: 0,
});

/** Deliveries of events named "type:id". */
const deliveries = (...names: string[]) =>
  names.map((name) => {
    const [type, id] = name.split(':');
    return delivered(JSON.stringify({ id, type }));
  });

function setUp(
  handlers: Record<string, EventHandler<Sample>>,
  given: readonly Delivery[],
  level: 'debug' | 'info' = 'info',
) {
  const clock = new SimulatedClock();
  const sink = createLogSink(level);
  const random = new SeededRandom();
  const stopping = new AbortController();
  const aborter = new AbortController();
  const run = new LeaseRun<Sample>(
    {
      codec,
      handlers: new HandlerTable(
        new Map(Object.entries(handlers)),
        { retryPolicy, timeoutMs: 0 },
        { clock, random, logger: sink.logger, observer: {} },
      ),
      clock,
      random,
      logger: sink.logger,
    },
    {
      lease: {
        partition: 0,
        id: 'a lease',
        size: given.length,
        handedOutAt: 0,
        deliveries: given,
      },
      isolated: false,
      stopping: stopping.signal,
      signal: aborter.signal,
    },
  );
  return { run, clock, sink, stopping, aborter };
}

async function outcomeOf(
  handlers: Record<string, EventHandler<Sample>>,
  given: readonly Delivery[],
) {
  const { run } = setUp(handlers, given);
  await run.run();
  return run.outcome();
}

const idsOf = (events: readonly Sample[]) => events.map(({ id }) => id);
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('handlers of the single form', () => {
  it('get the events of a lease one after another, in their order, across types', async () => {
    const log: string[] = [];
    const outcome = await outcomeOf(
      {
        a: async ({ id }) => {
          log.push(`${id} begins`);
          await turn();
          log.push(`${id} ends`);
        },
        '*': ({ id }) => void log.push(id),
      },
      deliveries('a:1', 'b:2', 'a:3', 'c:4'),
    );
    expect(log).toEqual(['1 begins', '1 ends', '2', '3 begins', '3 ends', '4']);
    expect(outcome.exceptions).toEqual([]);
    expect(idsOf(outcome.done)).toEqual(['1', '2', '3', '4']);
  });

  it('cost no wait where they return nothing', async () => {
    let handled = 0;
    const { run } = setUp({ '*': () => void handled++ }, deliveries('a:1', 'a:2', 'a:3'));
    const ended = run.run();
    expect(handled).toBe(3);
    await ended;
  });

  it('let the event loop turn when they keep it busy for long', async () => {
    const log: string[] = [];
    let busyMs = 0;
    const { run, clock } = setUp(
      {
        '*': ({ id }) => {
          log.push(id);
          busyMs += 10;
        },
      },
      deliveries('a:1', 'a:2', 'a:3', 'a:4', 'a:5', 'a:6'),
    );
    jest.spyOn(clock, 'monotonic').mockImplementation(() => busyMs);
    setImmediate(() => log.push('a turn'));
    await run.run();
    expect(log).toEqual(['1', '2', 'a turn', '3', '4', '5', '6']);
  });

  it('are told which attempt it is', async () => {
    const attempts: number[] = [];
    const given = [
      delivered('{"type":"a"}'),
      delivered('{"type":"a"}', 4),
      delivered('{"type":"a"}'),
    ];
    await outcomeOf({ a: (_, { attempt }) => void attempts.push(attempt) }, given);
    expect(attempts).toEqual([1, 5, 1]);
  });

  it.each<[form: string, fail: () => Promise<void> | void]>([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no'))],
  ])('have an event tried again when one %s, and its neighbours are done', async (_, fail) => {
    const outcome = await outcomeOf(
      { a: ({ id }) => (id === '2' ? fail() : undefined) },
      deliveries('a:1', 'a:2', 'a:3'),
    );
    expect(outcome.exceptions).toEqual([
      { index: 1, outcome: 'retry', delayMs: expect.any(Number) },
    ]);
    expect(outcome).toMatchObject({ retried: 1, released: 0, dead: {} });
    expect(idsOf(outcome.done)).toEqual(['1', '3']);
    expect(outcome.firstFailure).toEqual({
      handler: 'a',
      eventId: '2',
      type: 'a',
      attempt: 1,
      error: 'no',
    });
  });

  it('make an event a dead letter by its last attempt, and at once by a permanent error', async () => {
    const outcome = await outcomeOf(
      {
        a: () => {
          throw new Error('no');
        },
        '*': () => {
          throw Object.assign(new Error('never'), { permanent: true });
        },
      },
      [delivered('{"id":"1","type":"a"}', 2), delivered('{"id":"2","type":"b"}')],
    );
    expect(outcome.exceptions).toEqual([
      { index: 0, outcome: 'dead', reason: 'attempts-exhausted', error: 'no', handler: 'a' },
      { index: 1, outcome: 'dead', reason: 'permanent-error', error: 'never', handler: '*' },
    ]);
    expect(outcome.dead).toEqual({ 'attempts-exhausted': 1, 'permanent-error': 1 });
  });

  it('are found by the exact type, also where an object has a property of that name', async () => {
    const outcome = await outcomeOf({ a: () => undefined }, deliveries('a:1', 'constructor:2'));
    expect(outcome.exceptions).toMatchObject([
      { index: 1, outcome: 'dead', reason: 'permanent-error' },
    ]);
  });
});

describe('a body that does not decode', () => {
  it('becomes a dead letter and leaves its neighbours alone', async () => {
    const given = [...deliveries('a:1'), delivered('{'), ...deliveries('a:3')];
    const outcome = await outcomeOf({ a: () => undefined }, given);
    expect(outcome.exceptions).toEqual([
      {
        index: 1,
        outcome: 'dead',
        reason: 'undecodable',
        error: expect.stringContaining('SyntaxError'),
        handler: '',
      },
    ]);
    expect(idsOf(outcome.done)).toEqual(['1', '3']);
  });
});

describe('handlers of the batch form', () => {
  it('get all their events of a lease at once, in their order, each type by itself', async () => {
    const calls: string[][] = [];
    const batch = async (events: readonly Sample[]) => void calls.push(idsOf(events));
    const outcome = await outcomeOf(
      { a: { batch }, '*': { batch } },
      deliveries('a:1', 'b:2', 'a:3', 'c:4', 'a:5'),
    );
    expect(calls).toEqual([
      ['1', '3', '5'],
      ['2', '4'],
    ]);
    expect(outcome.exceptions).toEqual([]);
    expect(idsOf(outcome.done)).toEqual(['1', '2', '3', '4', '5']);
  });

  it('are told the attempt of each event', async () => {
    let attempts: readonly number[] = [];
    const given = [
      delivered('{"type":"a"}', 1),
      delivered('{"type":"b"}'),
      delivered('{"type":"a"}'),
    ];
    await outcomeOf(
      { a: { batch: (_, context) => void (attempts = context.attempts) }, '*': () => undefined },
      given,
    );
    expect(attempts).toEqual([2, 1]);
  });

  it('let the event loop turn between calls when they keep it busy for long', async () => {
    const log: string[] = [];
    let busyMs = 0;
    const batch = (events: readonly Sample[]) => {
      log.push(...idsOf(events));
      busyMs += 10;
    };
    const given = range(1, 6).map((id) => delivered(`{"id":"${id}","type":"a"}`, 2));
    const { run, clock } = setUp({ a: { batch } }, given);
    jest.spyOn(clock, 'monotonic').mockImplementation(() => busyMs);
    setImmediate(() => log.push('a turn'));
    await run.run();
    expect(log).toEqual(['1', '2', 'a turn', '3', '4', '5', '6']);
  });

  it('name the events that failed; the others are done', async () => {
    const outcome = await outcomeOf(
      {
        '*': () => undefined,
        a: {
          batch: async () => [
            { index: 0, error: new Error('later') },
            { index: 2, error: { permanent: true } },
          ],
        },
      },
      deliveries('a:1', 'b:2', 'a:3', 'a:4'),
    );
    expect(outcome.exceptions).toEqual([
      { index: 0, outcome: 'retry', delayMs: expect.any(Number) },
      {
        index: 3,
        outcome: 'dead',
        reason: 'permanent-error',
        error: expect.anything(),
        handler: 'a',
      },
    ]);
    expect(idsOf(outcome.done)).toEqual(['2', '3']);
  });

  it.each<[what: string, batch: () => never | Promise<never>]>([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no'))],
    ['names an event that is not there', async () => [{ index: 2, error: 1 }] as never],
    ['names an event by no index', async () => [{ error: 1 }] as never],
    ['names nothing', async () => [undefined] as never],
    ['returns what is no list', async () => 'all went well' as never],
  ])('fail all their events when one %s', async (_, batch) => {
    const outcome = await outcomeOf(
      { a: { batch }, '*': () => undefined },
      deliveries('a:1', 'b:2', 'a:3'),
    );
    expect(outcome.exceptions).toMatchObject([
      { index: 0, outcome: 'retry' },
      { index: 2, outcome: 'retry' },
    ]);
    expect(idsOf(outcome.done)).toEqual(['2']);
  });
});

describe('a lease that ends early', () => {
  it('gives back the events that were not started when the worker stops', async () => {
    const handled: string[] = [];
    const { run, stopping } = setUp(
      {
        a: ({ id }) => {
          handled.push(id);
          if (id === '2') stopping.abort();
        },
        b: { batch: (events) => void handled.push(...idsOf(events)) },
      },
      deliveries('b:0', 'a:1', 'a:2', 'a:3'),
    );
    await run.run();
    const outcome = run.outcome();
    expect(handled).toEqual(['1', '2']);
    expect(outcome.exceptions).toEqual([
      { index: 0, outcome: 'release' },
      { index: 3, outcome: 'release' },
    ]);
    expect(outcome.released).toBe(2);
  });

  it('gives back an event whose handler fails because of the abort', async () => {
    const { run, aborter } = setUp(
      {
        a: async (_, { signal }) => {
          aborter.abort();
          signal.throwIfAborted();
        },
      },
      deliveries('a:1', 'a:2'),
    );
    await run.run();
    expect(run.outcome()).toMatchObject({ done: [], retried: 0, released: 2 });
  });

  it.each<[form: string, handler: (abort: () => void) => EventHandler<Sample>]>([
    [
      'single',
      (abort) => async () => {
        abort();
        await turn();
      },
    ],
    ['synchronous single', (abort) => () => abort()],
    [
      'batch',
      (abort) => ({
        batch: async () => {
          abort();
          await turn();
        },
      }),
    ],
  ])('does not count as done what returns after the abort: %s form', async (_, handler) => {
    const { run, aborter } = setUp({ a: handler(() => aborter.abort()) }, deliveries('a:1', 'a:2'));
    await run.run();
    expect(run.outcome()).toMatchObject({ done: [], released: 2 });
  });

  it('keeps what was done before the abort', async () => {
    const { run, aborter } = setUp(
      { a: ({ id }) => (id === '2' ? aborter.abort() : undefined) },
      deliveries('a:1', 'a:2', 'a:3'),
    );
    await run.run();
    expect(idsOf(run.outcome().done)).toEqual(['1']);
  });

  it('ignores verdicts that come after its outcome was taken', async () => {
    let end: () => void = () => undefined;
    const { run } = setUp(
      { a: () => new Promise<void>((resolve) => (end = resolve)) },
      deliveries('a:1'),
    );
    const ended = run.run();
    const outcome = run.outcome();
    end();
    await ended;
    expect(outcome).toMatchObject({ done: [], released: 1 });
    expect(outcome.exceptions).toEqual([{ index: 0, outcome: 'release' }]);
  });
});

describe('the log', () => {
  it('names each event at debug level', async () => {
    const { run, sink } = setUp({ '*': () => undefined }, deliveries('a:1', 'b:2'), 'debug');
    await run.run();
    expect(sink.messages).toEqual([
      'Processing event: 1 of type a',
      'Processing event: 2 of type b',
    ]);
  });

  it('says nothing of single events above it', async () => {
    const { run, sink } = setUp(
      {
        a: () => {
          throw new Error('no');
        },
      },
      deliveries('a:1', 'a:2'),
    );
    await run.run();
    expect(sink.lines).toEqual([]);
  });
});
