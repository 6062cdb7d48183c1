import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { RejectionCode, type PublishEventsRequest } from '@event-pipeline/contracts';
import { PublishError } from './publish-error';
import { Publisher } from './publisher';
import type { PublisherOptions } from './publisher-options';
import { openSpill } from './spill';
import type { Spill } from './spill-port';
import { eventId, numbered } from './testing/event-list';
import { ScriptedCollector, accepted, failAfter, failure } from './testing/scripted-collector';

const NOBODY = '127.0.0.1:1';
let folder: string;
let collector: ScriptedCollector;
const publishers: Publisher[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'publisher-spill-'));
  collector = await new ScriptedCollector().start();
});
afterEach(async () => {
  await Promise.all(publishers.splice(0).map((one) => one.close({ timeoutMs: 0 })));
  collector.stop();
  await rm(folder, { recursive: true });
});

async function publisherTo(address: string, options: Partial<PublisherOptions> = {}) {
  const spill = options.spill ?? (await openSpill({ folder }));
  const publisher = new Publisher({ collectors: address, ...options, spill });
  publishers.push(publisher);
  return publisher;
}

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
};
const receivedIds = () => collector.received.map((one) => one.eventId).sort();
const ids = (count: number) => Array.from({ length: count }, (_, i) => eventId(i + 1));

describe('a publisher with a spill', () => {
  it('keeps nothing of what is acknowledged', async () => {
    const publisher = await publisherTo(collector.address);
    expect(await publisher.publishMany(numbered(2_000))).toMatchObject({ accepted: 2_000 });
    await publisher.close();
    expect(await readdir(folder)).toEqual([]);
  });

  it('sends what an earlier run has left, under the batch ids of then', async () => {
    const first = await publisherTo(NOBODY, { maxBatchEvents: 10 });
    const left = first.publishMany(numbered(95));
    await first.saved();
    await first.close({ timeoutMs: 0 });
    const { failures, failed } = await left;
    expect(failed).toBe(95);
    expect(failures[0]?.error).toMatchObject({ code: 'CLOSED', mayBeQueued: true, sent: false });

    const broken = failure(status.UNAVAILABLE, 'gone');
    collector.stop();
    collector = await new ScriptedCollector({ batchStreams: [failAfter(0, 10, broken)] }).start();
    const second = await publisherTo(collector.address);
    await second.recovered();
    const [once = [], again = []] = collector.batchStreams;
    expect(once.map(({ batchId }) => batchId)).toEqual(again.map(({ batchId }) => batchId));
    expect(again.flatMap(({ events }) => events.map((one) => one.eventId))).toEqual(ids(95));
    await second.close();
    expect(await readdir(folder)).toEqual([]);
  });

  it('sends more than the window holds, beside what is published now', async () => {
    const first = await publisherTo(NOBODY, { maxBatchEvents: 50 });
    const left = first.publishMany(numbered(5_000));
    await until(() => first.stats.unacknowledgedEvents === 5_000);
    await first.saved();
    await first.close({ timeoutMs: 0 });
    await left;
    const second = await publisherTo(collector.address, { maxUnacknowledgedEvents: 100 });
    const published = second.publishMany(
      Array.from({ length: 500 }, (_, i) => ({ type: 'new', eventId: eventId(10_000 + i) })),
    );
    await second.recovered();
    expect(await published).toMatchObject({ accepted: 500 });
    expect(new Set(receivedIds()).size).toBe(5_500);
    expect(collector.received).toHaveLength(5_500);
  });

  it('sends nothing that is not on disk yet', async () => {
    let release: () => void = () => undefined;
    const saving = new Promise<void>((resolve) => (release = resolve));
    const spill: Spill = {
      append: () => saving,
      done: () => undefined,
      async *recovered() {},
      close: () => Promise.resolve(),
    };
    const publisher = await publisherTo(collector.address, { spill, lingerMs: 0 });
    const published = publisher.publish({ type: 'a' });
    await expect(publisher.saved({ timeoutMs: 50 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    expect(collector.received).toHaveLength(0);
    release();
    await publisher.saved();
    await published;
  });

  it('rejects what the disk does not take, and goes on', async () => {
    let fails = true;
    const done: string[] = [];
    const spill: Spill = {
      append: () =>
        fails ? Promise.reject(new PublishError('SPILL_FULL', 'no room')) : Promise.resolve(),
      done: (id) => done.push(id),
      async *recovered() {},
      close: () => Promise.resolve(),
    };
    const publisher = await publisherTo(collector.address, { spill });
    await expect(publisher.publish({ type: 'a' })).rejects.toMatchObject({
      code: 'SPILL_FULL',
      mayBeQueued: false,
    });
    fails = false;
    await publisher.publish({ type: 'a' });
    expect(done).toHaveLength(1);
    expect(publisher.stats.unacknowledgedBytes).toBe(0);
  });

  it('tells of events of an earlier run that the collector refuses', async () => {
    const first = await publisherTo(NOBODY);
    const left = first.publishMany(numbered(3));
    await first.saved();
    await first.close({ timeoutMs: 0 });
    await left;
    collector.stop();
    const code = RejectionCode.REJECTION_CODE_INVALID_TYPE;
    collector = await new ScriptedCollector({
      batchStreams: [
        // Keeps what it is not allowed to send, whatever is said of it.
        failAfter(0, 1, failure(status.PERMISSION_DENIED, 'no')),
        (call) => {
          call.on('data', (request: PublishEventsRequest) => {
            const rejections = [{ index: 1, eventId: eventId(2), code, message: 'bad' }];
            call.write({ ...accepted(request), accepted: 2, rejections });
          });
          call.on('end', () => call.end());
        },
      ],
    }).start();
    const lost: [number, string][] = [];
    const second = await publisherTo(collector.address, {
      observer: { onRecoveredFailed: (events, error) => lost.push([events, error.message]) },
    });
    await second.recovered();
    expect(lost).toEqual([[1, 'INVALID_TYPE: bad']]);
  });

  it('leaves on disk what it could not send before it was closed', async () => {
    for (let run = 1; run <= 3; run += 1) {
      const publisher = await publisherTo(NOBODY);
      const left = publisher.publish({ type: 'a', eventId: eventId(run) }).catch(() => undefined);
      await publisher.saved();
      await publisher.close({ timeoutMs: 20 });
      await left;
    }
    await (await publisherTo(collector.address)).recovered();
    expect(receivedIds()).toEqual(ids(3));
  });
});
