import { randomUUID } from 'node:crypto';
import { PublishEventsRequest } from '@event-pipeline/contracts';
import type { EnqueueBatch, EnqueueResult, Partitioning } from '@event-pipeline/queue';
import { FlowController, PipelineError } from '@event-pipeline/runtime';
import { SeededRandom, SimulatedClock } from '@event-pipeline/runtime/testing';
import { validEvent } from '../testing/raw-client';
import { Admission } from './admission';
import { readBatchFrame } from './batch-frame';
import { queueBatch } from './batch-queueing';
import { EventIngestor } from './event-ingestor';
import type { PartitionBatchers } from './partition-batchers';

const LIMITS = { maxDataBytes: 100, maxAttributes: 1, maxAttributeBytes: 10, maxFieldBytes: 10 };
const CHANGED: EnqueueResult = { outcome: 'refused', reason: 'PARTITIONS_CHANGED' };
const QUEUED: EnqueueResult = { outcome: 'queued' };
const settled = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

type Enqueue = (partition: number, batch: EnqueueBatch) => Promise<EnqueueResult>;

function setUp(enqueue: Enqueue, partitioning: () => Partitioning) {
  const clock = new SimulatedClock(Date.UTC(2026, 5, 1));
  const flow = new FlowController({ maxEvents: 100, maxBytes: 1_000_000 });
  const use = {
    ingestor: new EventIngestor(LIMITS, clock),
    queue: { partitioning, remembers: async () => [false] },
    batchers: { enqueue } as unknown as PartitionBatchers,
    random: new SeededRandom(1),
    clock,
    patienceMs: 1_000,
  };
  const handedOver = jest.fn();
  const publish = (batchId: string, count: number) => {
    const events = Array.from({ length: count }, () => validEvent());
    const request = PublishEventsRequest.encode({ batchId, events }).finish();
    const admission = new Admission(flow, 0, 0);
    return queueBatch(readBatchFrame(request, 100), admission, use, handedOver);
  };
  return { publish, handedOver, clock };
}

describe('a batch on its way into the queue', () => {
  it('is handed over once, however often it is routed anew', async () => {
    let generation = 0;
    const calls: (number | undefined)[] = [];
    const enqueue: Enqueue = async (_, batch) => {
      calls.push(batch.generation);
      if (generation === 3) return QUEUED;
      generation += 1;
      return CHANGED;
    };
    const at = setUp(enqueue, () => ({ count: 1, generation, earlier: [] }));
    const answered = at.publish(randomUUID(), 3);
    for (let n = 0; n < 3; n++) {
      await settled();
      await at.clock.advance(100);
    }
    expect(await answered).toMatchObject({ accepted: 3, duplicate: false });
    expect(calls).toEqual([0, 1, 2, 3]);
    expect(at.handedOver).toHaveBeenCalledTimes(1);
  });

  it('is given up when the partitions change for longer than its patience', async () => {
    const at = setUp(
      async () => CHANGED,
      () => ({ count: 1, generation: 0, earlier: [] }),
    );
    const answered = at.publish(randomUUID(), 3).catch((error: unknown) => error);
    for (let n = 0; n < 12; n++) {
      await settled();
      await at.clock.advance(100);
    }
    expect(await answered).toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
  });

  it.each([
    ['with an id', randomUUID()],
    ['without one', ''],
  ])('%s fails only when every part of it has come to its end', async (_, batchId) => {
    let endLast: (result: EnqueueResult) => void = () => undefined;
    const enqueue: Enqueue = (partition, { bodies }) => {
      if (bodies.length === 0) return Promise.resolve(QUEUED);
      if (partition === 0) return Promise.reject(new PipelineError('QUEUE_FULL', 'full'));
      return new Promise((resolve) => (endLast = resolve));
    };
    const at = setUp(enqueue, () => ({ count: 2, generation: 0, earlier: [] }));
    let isOver = false;
    const answered = at.publish(batchId, 40).catch((error: unknown) => error);
    void answered.then(() => (isOver = true));
    await settled();
    expect(isOver).toBe(false);
    endLast(QUEUED);
    expect(await answered).toMatchObject({ code: 'QUEUE_FULL' });
  });
});
