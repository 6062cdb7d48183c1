import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { RejectionCode, type PublishEventsRequest } from '@event-pipeline/contracts';
import { systemClock, type Clock } from '@event-pipeline/runtime/basics';
import { PublishError } from './publish-error';
import { Publisher } from './publisher';
import type { PublisherOptions } from './publisher-options';
import { eventId, numbered } from './testing/event-list';
import {
  ScriptedCollector,
  accepted,
  failAfter,
  failure,
  type BatchStreamHandler,
  type CollectorScript,
} from './testing/scripted-collector';

const collectors: ScriptedCollector[] = [];
const publishers: Publisher[] = [];
afterEach(async () => {
  await Promise.all(publishers.splice(0).map((one) => one.close({ timeoutMs: 0 })));
  for (const collector of collectors.splice(0)) collector.stop();
});

async function collect(script: CollectorScript = {}) {
  const collector = await new ScriptedCollector(script).start();
  collectors.push(collector);
  return collector;
}

function publisherTo(address: string | readonly string[], options: Partial<PublisherOptions> = {}) {
  const publisher = new Publisher({ collectors: address, ...options });
  publishers.push(publisher);
  return publisher;
}

/** Answers nothing until it is told to. */
function holding() {
  const held: (() => void)[] = [];
  const handler: BatchStreamHandler = (call) => {
    call.on('data', (request: PublishEventsRequest) => {
      held.push(() => call.write(accepted(request)));
    });
    call.on('end', () => call.end());
  };
  const release = () => {
    for (const answer of held.splice(0)) answer();
  };
  return { handler, held, release };
}

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
};
const errorOf = async (promise: Promise<unknown>): Promise<PublishError> => {
  const error: unknown = await promise.then(
    () => new Error('it was fulfilled'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PublishError);
  return error as PublishError;
};
const idsOf = (batches: readonly PublishEventsRequest[] = []) =>
  batches.map(({ batchId }) => batchId);
const event = { type: 'numbered', eventId: eventId(1) };

describe.each(['stream', 'unary'] as const)('publish() by %s', (method) => {
  it('resolves with the id of the event when it is acknowledged', async () => {
    const collector = await collect();
    const publisher = publisherTo(collector.address, { method });
    await expect(publisher.publish(event)).resolves.toEqual({
      eventId: event.eventId,
      duplicate: false,
    });
    expect(collector.received.map((one) => one.eventId)).toEqual([event.eventId]);
    expect(publisher.stats).toMatchObject({ acceptedEvents: 1, unacknowledgedEvents: 0 });
    expect(publisher.stats.unacknowledgedBytes).toBe(0);
  });

  it('gathers events that come close together into one batch', async () => {
    const collector = await collect();
    const publisher = publisherTo(collector.address, { method });
    await Promise.all(Array.from(numbered(500), (one) => publisher.publish(one)));
    const requests = [...collector.requests, ...collector.batchStreams.flat()];
    expect(requests.map(({ events }) => events.length)).toEqual([500]);
  });

  it('sends again under the same batch id what had no answer', async () => {
    const broken = failure(status.UNAVAILABLE, 'gone');
    const collector = await collect({
      batchStreams: [failAfter(0, 1, broken), failAfter(0, 1, broken)],
      requests: [(_, answer) => answer(broken), (_, answer) => answer(broken)],
    });
    const publisher = publisherTo(collector.address, { method });
    await publisher.publish(event);
    const requests = [...collector.requests, ...collector.batchStreams.flat()];
    expect(requests).toHaveLength(3);
    expect(new Set(idsOf(requests)).size).toBe(1);
    expect(requests[2]).toEqual(requests[0]);
  });

  it('rejects with the status and without a doubt what the collector refuses as a whole', async () => {
    const bad = failure(status.INVALID_ARGUMENT, 'no');
    const collector = await collect({
      batchStreams: [failAfter(0, 1, bad)],
      requests: [(_, answer) => answer(bad)],
    });
    const publisher = publisherTo(collector.address, { method });
    expect(await errorOf(publisher.publish(event))).toMatchObject({
      code: 'REFUSED',
      status: 'INVALID_ARGUMENT',
      message: 'INVALID_ARGUMENT: no',
      mayBeQueued: false,
      sent: true,
    });
    await expect(publisher.publish(event)).resolves.toBeDefined();
  });
});

describe('publish()', () => {
  it('rejects the event that the collector refuses, with its reason, and not its neighbours', async () => {
    const code = RejectionCode.REJECTION_CODE_INVALID_TYPE;
    const rejections = [{ index: 1, eventId: eventId(2), code, message: 'bad type' }];
    const collector = await collect({
      batchStreams: [
        (call) => {
          call.on('data', (request: PublishEventsRequest) => {
            call.write({ ...accepted(request), accepted: 2, rejections });
          });
          call.on('end', () => call.end());
        },
      ],
    });
    const publisher = publisherTo(collector.address);
    const [first, second, third] = Array.from(numbered(3), (one) => publisher.publish(one));
    await expect(first).resolves.toMatchObject({ eventId: eventId(1) });
    await expect(third).resolves.toMatchObject({ eventId: eventId(3) });
    expect(await errorOf(second!)).toMatchObject({
      code: 'REJECTED',
      rejection: { code: 'INVALID_TYPE', message: 'bad type', eventId: eventId(2) },
      mayBeQueued: false,
    });
  });

  it.each([
    ['no type', { eventId: eventId(1) }, /type must be a string, not undefined/],
    ['a fraction as time', { type: 'a', timestamp: 1.5 }, /timestamp must be a whole number/],
    ['half a surrogate pair', { type: 'a', source: '\ud800' }, /source contains half a surrogate/],
    ['a function as data', { type: 'a', data: () => 1 }, /data cannot be written as JSON/],
    [
      'a number as attribute',
      { type: 'a', attributes: { n: 1 } },
      /attribute "n" must be a string/,
    ],
    [
      'an object as text',
      { type: 'a', data: {}, dataContentType: 'text/plain' },
      /data that is not/,
    ],
    ['no event', null, /an event must be an object/],
  ])('rejects %s without sending it', async (_name, bad, message) => {
    const publisher = publisherTo('127.0.0.1:1');
    const error = await errorOf(publisher.publish(bad as never));
    expect(error).toMatchObject({ code: 'INVALID_EVENT', mayBeQueued: false, sent: false });
    expect(error.message).toMatch(message);
    expect(publisher.stats.unacknowledgedEvents).toBe(0);
  });

  it('rejects an event that no request can hold', async () => {
    const publisher = publisherTo('127.0.0.1:1');
    const error = await errorOf(publisher.publish({ type: 'a', data: Buffer.alloc(4_194_304) }));
    expect(error).toMatchObject({ code: 'TOO_LARGE', sent: false });
  });

  it('sends an event as it was when it was published', async () => {
    const collector = await collect();
    const publisher = publisherTo(collector.address);
    const data = Buffer.from('"before"');
    const published = publisher.publish({ ...event, data });
    data.write('"after!"');
    await published;
    expect(collector.received[0]?.data.toString()).toBe('"before"');
  });

  it('rejects what is not acknowledged within its deadline, and says whether it may be queued', async () => {
    const silent = await collect({ batchStreams: [() => undefined] });
    const publisher = publisherTo(silent.address, { lingerMs: 0 });
    const late = await errorOf(publisher.publish(event, { deadlineMs: 300 }));
    expect(late).toMatchObject({ code: 'DEADLINE_EXCEEDED', mayBeQueued: true, sent: true });

    const nobody = publisherTo('127.0.0.1:1', { deadlineMs: 100 });
    const never = await errorOf(nobody.publish(event));
    expect(never.code).toBe('DEADLINE_EXCEEDED');
    expect(nobody.stats).toMatchObject({ unacknowledgedEvents: 0, failedEvents: 1 });
  });

  it('has its room back once the call is over that it was given up in', async () => {
    const silent = () => undefined;
    const collector = await collect({ batchStreams: [silent] });
    const publisher = publisherTo(collector.address, { lingerMs: 0, answerTimeoutMs: 400 });
    await errorOf(publisher.publish(event, { deadlineMs: 100 }));
    expect(publisher.stats.unacknowledgedEvents).toBe(1);
    await until(() => publisher.stats.unacknowledgedEvents === 0);
  });

  it('never sends again what was given up', async () => {
    const collector = await collect({ batchStreams: [() => undefined] });
    const publisher = publisherTo(collector.address, { lingerMs: 0, answerTimeoutMs: 400 });
    await errorOf(publisher.publish(event, { deadlineMs: 100 }));
    await publisher.publish({ ...event, eventId: eventId(2) });
    const [, second] = collector.batchStreams;
    expect(second?.flatMap(({ events }) => events.map((one) => one.eventId))).toEqual([eventId(2)]);
  });
});

describe('the window', () => {
  it('lets no more events out than it may hold; the others wait, in order', async () => {
    const { handler, held, release } = holding();
    const collector = await collect({ batchStreams: [handler] });
    const publisher = publisherTo(collector.address, {
      maxUnacknowledgedEvents: 5,
      maxBatchEvents: 5,
      lingerMs: 0,
    });
    const all = Array.from(numbered(10), (one) => publisher.publish(one));
    await until(() => held.length === 1);
    expect(publisher.stats).toMatchObject({ unacknowledgedEvents: 5, waitingEvents: 5 });
    release();
    await until(() => held.length === 1);
    release();
    await Promise.all(all);
    const ids = collector.received.map((one) => one.eventId);
    expect(ids).toEqual(Array.from({ length: 10 }, (_, i) => eventId(i + 1)));
  });

  it('bounds the line of those that wait, too', async () => {
    const publisher = publisherTo('127.0.0.1:1', { maxUnacknowledgedEvents: 2, deadlineMs: 200 });
    const all = Array.from(numbered(5), (one) => errorOf(publisher.publish(one)));
    const codes = (await Promise.all(all)).map(({ code }) => code);
    const late = 'DEADLINE_EXCEEDED';
    expect(codes).toEqual([late, late, late, late, 'WINDOW_FULL']);
  });

  it('refuses at once where that was chosen', async () => {
    const publisher = publisherTo('127.0.0.1:1', {
      maxUnacknowledgedEvents: 1,
      whenFull: 'refuse',
      deadlineMs: 100,
    });
    const first = errorOf(publisher.publish(event));
    expect(await errorOf(publisher.publish(event))).toMatchObject({
      code: 'WINDOW_FULL',
      sent: false,
    });
    await first;
  });

  it('counts bytes as well', async () => {
    const { handler, held, release } = holding();
    const collector = await collect({ batchStreams: [handler] });
    const publisher = publisherTo(collector.address, {
      maxUnacknowledgedBytes: 1_024,
      lingerMs: 0,
    });
    const large = { type: 'a', data: Buffer.alloc(2_000, 0x31) };
    const both = [publisher.publish(large), publisher.publish(large)];
    await until(() => held.length === 1);
    expect(publisher.stats.waitingEvents).toBe(1);
    release();
    await until(() => held.length === 1);
    release();
    await Promise.all(both);
  });

  it('ready() resolves when there is room again', async () => {
    const { handler, held, release } = holding();
    const collector = await collect({ batchStreams: [handler] });
    const publisher = publisherTo(collector.address, { maxUnacknowledgedEvents: 1, lingerMs: 0 });
    await publisher.ready();
    const first = publisher.publish(event);
    let isReady = false;
    const ready = publisher.ready().then(() => (isReady = true));
    await until(() => held.length === 1);
    expect(isReady).toBe(false);
    release();
    await Promise.all([first, ready]);
  });
});

describe('publishMany()', () => {
  it('publishes a list larger than the window, in full batches, and counts', async () => {
    const collector = await collect();
    const publisher = publisherTo(collector.address, { maxUnacknowledgedEvents: 1_000 });
    const result = await publisher.publishMany(numbered(20_000));
    expect(result).toEqual({ events: 20_000, accepted: 20_000, failed: 0, failures: [] });
    const sizes = collector.batchStreams.flat().map(({ events }) => events.length);
    expect(sizes).toEqual(Array<number>(40).fill(500));
    expect(new Set(collector.received.map((one) => one.eventId)).size).toBe(20_000);
  });

  it('reads a stream of events, and waits for its end', async () => {
    const collector = await collect();
    const publisher = publisherTo(collector.address, { lingerMs: 0 });
    async function* slowly() {
      for (const one of numbered(5)) {
        yield one;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    expect(await publisher.publishMany(slowly())).toMatchObject({ events: 5, accepted: 5 });
  });

  it('names each event that fails by its number, and goes on', async () => {
    const code = RejectionCode.REJECTION_CODE_INVALID_EVENT_ID;
    const collector = await collect({
      batchStreams: [
        (call) => {
          call.on('data', (request: PublishEventsRequest) => {
            const rejections = [{ index: 2, eventId: '', code, message: 'no' }];
            call.write({ ...accepted(request), accepted: request.events.length - 1, rejections });
          });
          call.on('end', () => call.end());
        },
      ],
    });
    const publisher = publisherTo(collector.address);
    const events = [...numbered(2), { type: 7 as never }, ...numbered(3)];
    const told: number[] = [];
    const result = await publisher.publishMany(events, {
      onFailure: ({ index }) => told.push(index),
    });
    expect(result).toMatchObject({ events: 6, accepted: 4, failed: 2 });
    const named = result.failures.map(({ index, error }) => [index, error.code]);
    expect(named).toEqual([
      [2, 'INVALID_EVENT'],
      [3, 'REJECTED'],
    ]);
    expect(told).toEqual([2, 3]);
  });

  it('keeps the order of several calls where each waits until the last was read', async () => {
    const { handler, held, release } = holding();
    const collector = await collect({ batchStreams: [handler] });
    const publisher = publisherTo(collector.address, {
      maxUnacknowledgedEvents: 7,
      maxBatchEvents: 3,
    });
    const all = [...numbered(60)];
    let isOver = false;
    const answering = (async () => {
      while (!isOver) {
        await until(() => held.length > 0 || isOver);
        release();
      }
    })();
    const results: Promise<unknown>[] = [];
    for (let at = 0; at < all.length; at += 10) {
      await new Promise<void>((onRead) => {
        results.push(publisher.publishMany(all.slice(at, at + 10), { onRead }));
      });
    }
    await Promise.all(results);
    isOver = true;
    await answering;
    expect(collector.received.map((one) => one.eventId)).toEqual(all.map((one) => one.eventId));
  });

  it('rejects with what the source throws, once the events before it are settled', async () => {
    const collector = await collect();
    const publisher = publisherTo(collector.address);
    function* breaking() {
      yield* numbered(3);
      throw new Error('the file is gone');
    }
    await expect(publisher.publishMany(breaking())).rejects.toThrow('the file is gone');
    expect(collector.received).toHaveLength(3);
  });

  it('tells of every failure where the callback throws', async () => {
    const publisher = publisherTo('127.0.0.1:1', { deadlineMs: 50 });
    const onFailure = jest.fn(() => {
      throw new Error('mine');
    });
    const result = await publisher.publishMany(numbered(150), { onFailure });
    expect(result).toMatchObject({ failed: 150 });
    expect(result.failures).toHaveLength(100);
    expect(onFailure).toHaveBeenCalledTimes(150);
  });
});

describe('flush() and close()', () => {
  it('flush() sends what is gathered at once, and waits for it', async () => {
    const collector = await collect();
    const publisher = publisherTo(collector.address, { lingerMs: 60_000 });
    const published = publisher.publish(event);
    await publisher.flush();
    expect(collector.received).toHaveLength(1);
    await published;
  });

  it('flush() takes no longer than its limit', async () => {
    const silent = await collect({ batchStreams: [() => undefined] });
    const publisher = publisherTo(silent.address);
    const published = errorOf(publisher.publish(event));
    expect(await errorOf(publisher.flush({ timeoutMs: 50 }))).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    await publisher.close({ timeoutMs: 0 });
    expect(await published).toMatchObject({ code: 'CLOSED', mayBeQueued: true });
  });

  it('close() sends what it has, and takes nothing more', async () => {
    const collector = await collect();
    const publisher = publisherTo(collector.address, { lingerMs: 60_000, connections: 3 });
    const all = Array.from(numbered(1_200), (one) => publisher.publish(one));
    await publisher.close();
    await Promise.all(all);
    expect(collector.received).toHaveLength(1_200);
    expect(await errorOf(publisher.publish(event))).toMatchObject({ code: 'CLOSED', sent: false });
    expect(await errorOf(publisher.ready())).toMatchObject({ code: 'CLOSED' });
    expect(await publisher.publishMany(numbered(9))).toMatchObject({ events: 1, failed: 1 });
  });

  it('close() lets those in that wait for room', async () => {
    const collector = await collect();
    const publisher = publisherTo(collector.address, {
      maxUnacknowledgedEvents: 2,
      lingerMs: 60_000,
    });
    const all = Array.from(numbered(4), (one) => publisher.publish(one));
    await publisher.close();
    await Promise.all(all);
    expect(collector.received).toHaveLength(4);
  });

  it('close() gives up what no collector takes in time, once and for all', async () => {
    const publisher = publisherTo('127.0.0.1:1');
    const published = errorOf(publisher.publish(event));
    await publisher.close({ timeoutMs: 100 });
    expect(await published).toMatchObject({ code: 'CLOSED' });
    await publisher.close();
    expect(publisher.stats).toMatchObject({ unacknowledgedEvents: 0, unacknowledgedBytes: 0 });
  });

  it('close() that drops only awaits the answers to what is on its way', async () => {
    const { handler, held, release } = holding();
    const collector = await collect({ batchStreams: [handler] });
    const publisher = publisherTo(collector.address, { maxBatchEvents: 1 });
    const all = Array.from(numbered(40), (one) =>
      publisher.publish(one).then(
        () => 'accepted',
        ({ code, sent }: PublishError) => `${code} ${sent ? 'sent' : 'unsent'}`,
      ),
    );
    await until(() => held.length === 32);
    const closed = publisher.close({ unsent: 'drop' });
    release();
    await closed;
    const ends = await Promise.all(all);
    expect(ends.filter((end) => end === 'accepted')).toHaveLength(32);
    expect(ends.slice(32)).toEqual(Array<string>(8).fill('CLOSED unsent'));
    expect(collector.received).toHaveLength(32);
  });

  it('close() ends its calls in order', async () => {
    let ended = 0;
    const collector = await collect({
      batchStreams: [
        (call) => {
          call.on('data', (request: PublishEventsRequest) => call.write(accepted(request)));
          call.on('end', () => {
            ended += 1;
            call.end();
          });
        },
      ],
    });
    const publisher = publisherTo(collector.address);
    await publisher.publish(event);
    await publisher.close();
    expect(ended).toBe(1);
  });
});

describe('trouble with collectors', () => {
  it('waits as long as the collector asks', async () => {
    const sleeps: number[] = [];
    const clock: Clock = {
      ...systemClock,
      sleep: (ms, signal) => {
        sleeps.push(ms);
        return systemClock.sleep(ms, signal);
      },
    };
    const full = failure(status.RESOURCE_EXHAUSTED, 'full', { retryDelayMs: 123 });
    const collector = await collect({ batchStreams: [failAfter(0, 1, full)] });
    await publisherTo(collector.address, { clock }).publish(event);
    expect(sleeps.some((ms) => ms >= 123 && ms < 148)).toBe(true);
  });

  it('spreads its connections over several collectors', async () => {
    const both = [await collect(), await collect()];
    const publisher = publisherTo(both.map(({ address }) => address));
    await publisher.publishMany(numbered(20_000));
    for (const { received } of both) expect(received.length).toBeGreaterThan(1_000);
    const ids = both.flatMap(({ received }) => received.map((one) => one.eventId));
    expect(new Set(ids).size).toBe(20_000);
  });

  it('goes to another collector at once when one fails, with the same batches', async () => {
    const gone = failAfter(0, 1, failure(status.UNAVAILABLE, 'draining', { retryDelayMs: 60_000 }));
    const failing = await collect({ batchStreams: Array<BatchStreamHandler>(50).fill(gone) });
    const well = await collect();
    const publisher = publisherTo([failing.address, well.address], { connections: 1 });
    await publisher.publish(event);
    expect(idsOf(well.batchStreams.flat())).toEqual(idsOf(failing.batchStreams.flat()));
  });

  it('finds the one of several collectors that is there', async () => {
    const collector = await collect();
    const gone = await collect();
    gone.stop();
    const publisher = publisherTo([gone.address, collector.address], { connections: 1 });
    await publisher.publish(event);
    expect(collector.received).toHaveLength(1);
  });

  it('replaces a connection that keeps failing', async () => {
    const gone = failAfter(0, 1, failure(status.UNAVAILABLE, 'gone', { retryDelayMs: 1 }));
    const collector = await collect({ batchStreams: [gone, gone, gone] });
    const publisher = publisherTo(collector.address);
    await publisher.publish(event);
    expect(collector.batchStreams).toHaveLength(4);
    expect(collector.peers.size).toBe(2);
  });

  it('survives a collector that is killed and comes back, with no event lost', async () => {
    const killed: BatchStreamHandler = (call) => {
      let seen = 0;
      call.on('data', (request: PublishEventsRequest) => {
        seen += 1;
        if (seen < 10) call.write(accepted(request));
        if (seen === 20) collector.stop();
      });
    };
    const collector = await collect({ batchStreams: [killed] });
    const publisher = publisherTo(collector.address, { maxBatchEvents: 100 });
    const result = publisher.publishMany(numbered(12_000));
    await until(() => collector.batchStreams.flat().length >= 20);
    await until(() => publisher.stats.waitingConnections > 0);
    await collector.start();
    expect(await result).toMatchObject({ accepted: 12_000, failed: 0 });
    expect(new Set(collector.received.map((one) => one.eventId)).size).toBe(12_000);
  });

  it('rejects everything on its way where it is not allowed to send, and tells it may try again', async () => {
    const collector = await collect({
      batchStreams: [failAfter(0, 2, failure(status.PERMISSION_DENIED, 'no'))],
    });
    const publisher = publisherTo(collector.address, { maxBatchEvents: 1 });
    const both = Array.from(numbered(2), (one) => errorOf(publisher.publish(one)));
    for (const error of await Promise.all(both)) {
      expect(error).toMatchObject({ code: 'REFUSED', status: 'PERMISSION_DENIED' });
      expect(error.mayBeQueued).toBe(false);
    }
    await expect(publisher.publish(event)).resolves.toBeDefined();
  });

  it('gives up only the first batch without an answer where one is refused, and sends the rest', async () => {
    const bad = failure(status.INVALID_ARGUMENT, 'bad');
    const collector = await collect({ batchStreams: [failAfter(1, 3, bad)] });
    const publisher = publisherTo(collector.address, { maxBatchEvents: 1 });
    const ends = Array.from(numbered(5), (one) =>
      publisher.publish(one).then(
        () => 'accepted',
        ({ code }: PublishError) => code,
      ),
    );
    const yes = 'accepted';
    expect(await Promise.all(ends)).toEqual([yes, 'REFUSED', yes, yes, yes]);
  });

  it('finds the batch that is too large among others, and gives up no other', async () => {
    const limited: BatchStreamHandler = (call) => {
      call.on('data', (request: PublishEventsRequest) => {
        if (request.events[0]?.eventId !== eventId(3)) call.write(accepted(request));
        else call.emit('error', failure(status.RESOURCE_EXHAUSTED, 'larger than max'));
      });
      call.on('end', () => call.end());
    };
    const collector = await collect({ batchStreams: Array<BatchStreamHandler>(9).fill(limited) });
    const publisher = publisherTo(collector.address, { maxBatchEvents: 1 });
    const { accepted: taken, failures } = await publisher.publishMany(numbered(6));
    expect(taken).toBe(5);
    expect(failures).toMatchObject([
      { index: 2, error: { code: 'REFUSED', status: 'RESOURCE_EXHAUSTED' } },
    ]);
  });

  it('believes no answer for another batch than the next', async () => {
    const collector = await collect({
      batchStreams: [
        (call) => {
          call.on('data', (request: PublishEventsRequest) => {
            call.write({ ...accepted(request), batchId: 'another' });
          });
        },
      ],
    });
    const publisher = publisherTo(collector.address);
    const error = await errorOf(publisher.publish(event));
    expect(error).toMatchObject({ code: 'REFUSED', status: 'INTERNAL', mayBeQueued: true });
  });

  it('sends again what waits too long for its answer', async () => {
    const collector = await collect({ batchStreams: [() => undefined] });
    const publisher = publisherTo(collector.address, { answerTimeoutMs: 200 });
    await publisher.publish(event);
    const [first, second] = collector.batchStreams;
    expect(idsOf(second)).toEqual(idsOf(first));
  });

  it('goes on whatever an observer throws', async () => {
    const collector = await collect();
    const thrower = () => {
      throw new Error('observer');
    };
    const observer = { onSent: thrower, onAnswered: thrower, onTrouble: thrower };
    const publisher = publisherTo(collector.address, { observer });
    await expect(publisher.publish(event)).resolves.toBeDefined();
  });
});

describe('a connection that had to leave its collector', () => {
  it('goes back once that works again, and loses nothing by it', async () => {
    let skew = 0;
    const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + skew };
    const home = await collect();
    const other = await collect();
    const both = [home.address, other.address];
    const publisher = publisherTo(both, {
      connections: 1,
      clock,
      deadlineMs: 600_000,
      lingerMs: 0,
    });
    let stopped = false;
    async function* steadily() {
      for (let n = 1; !stopped; n += 1) {
        yield { type: 'steady', eventId: eventId(n) };
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
    const result = publisher.publishMany(steadily());
    await until(() => home.received.length > 0);
    home.stop();
    await until(() => other.received.length > 0);
    const before = home.received.length;
    await home.start();
    skew = 16_000;
    await until(() => home.received.length > before);
    stopped = true;
    const { events, accepted: taken } = await result;
    expect(taken).toBe(events);
    const ids = [...home.received, ...other.received].map((one) => one.eventId);
    expect(new Set(ids).size).toBe(events);
  });
});

describe('whatever calls meet', () => {
  const fate = fc.record({
    answered: fc.integer({ min: 0, max: 6 }),
    unanswered: fc.integer({ min: 1, max: 6 }),
    code: fc.constantFrom(status.UNAVAILABLE, status.CANCELLED, status.RESOURCE_EXHAUSTED),
  });
  const fates = fc.array(fate, { maxLength: 6 });

  it.each(['stream', 'unary'] as const)(
    'every event is settled once, and none is lost (%s)',
    async (method) => {
      await fc.assert(
        fc.asyncProperty(fates, fates, async (first, second) => {
          const both = await Promise.all(
            [first, second].map((all) => {
              const errors = all.map(({ code }) => failure(code, 'broken', { retryDelayMs: 1 }));
              return collect({
                batchStreams: all.map(({ answered, unanswered }, i) =>
                  failAfter(answered, unanswered, errors[i]!),
                ),
                requests: errors.map((error) => (_, answer) => answer(error)),
              });
            }),
          );
          const publisher = publisherTo(
            both.map(({ address }) => address),
            {
              method,
              connections: 3,
              maxBatchEvents: 10,
              maxUnacknowledgedEvents: 150,
              answerTimeoutMs: 200,
            },
          );
          const settled: string[] = [];
          const result = publisher.publishMany(numbered(300));
          await Promise.all(
            Array.from(numbered(100), async (one) => {
              const { eventId: id } = await publisher.publish(one);
              settled.push(id);
            }),
          );
          expect(await result).toMatchObject({ events: 300, accepted: 300, failed: 0 });
          expect(new Set(settled).size).toBe(100);
          expect(publisher.stats).toMatchObject({
            unacknowledgedEvents: 0,
            unacknowledgedBytes: 0,
            waitingEvents: 0,
            acceptedEvents: 400,
          });
          await publisher.close();
        }),
        { numRuns: 12 },
      );
    },
    60_000,
  );
});

describe('a publisher with options that cannot be', () => {
  it('names every problem at once', () => {
    const make = () =>
      new Publisher({
        collectors: ['localhost', 'localhost:50051'],
        connections: 0,
        lingerMs: -1,
        whenFull: 'explode' as never,
      });
    expect(make).toThrow(PublishError);
    expect(make).toThrow(
      [
        'lingerMs: expected 0 to 60000, got -1',
        'collectors: expected host:port, like localhost:50051, got "localhost"',
        'connections: expected 1 to 64, got 0',
        'whenFull: expected one of wait, refuse, got "explode"',
      ].join('\n'),
    );
  });
});
