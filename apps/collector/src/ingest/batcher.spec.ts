import { PipelineError } from '@event-pipeline/runtime';
import { SeededRandom, SimulatedClock } from '@event-pipeline/runtime/testing';
import {
  PackedEvents,
  type EnqueueBatch,
  type EnqueueResult,
  type Queue,
} from '@event-pipeline/queue';
import { Batcher } from './batcher';
import type { EventOwner, EventRun } from './shared-batch';
import { StorableText } from './storable-event';

interface Call {
  readonly batches: readonly EnqueueBatch[];
  answer(results?: readonly EnqueueResult[]): Promise<void>;
  fail(error: unknown): Promise<void>;
}

/** A queue whose answers the test gives, one call at a time. */
class AnsweredQueue {
  readonly calls: Call[] = [];

  enqueue(_: number, batches: readonly EnqueueBatch[]): Promise<readonly EnqueueResult[]> {
    return new Promise((resolve, reject) => {
      this.calls.push({
        batches,
        answer: (results = batches.map(() => ({ outcome: 'queued' }))) => {
          resolve(results);
          return settled();
        },
        fail: (error) => {
          reject(error);
          return settled();
        },
      });
    });
  }

  last(): Call {
    const call = this.calls.at(-1);
    if (!call) throw new Error('the queue was not called');
    return call;
  }
}

const settled = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
const UNAVAILABLE = new PipelineError('QUEUE_UNAVAILABLE', 'gone');

class Owner implements EventOwner {
  readonly heard: string[] = [];
  durable({ firstIndex, count, cost }: EventRun): void {
    this.heard.push(`durable ${count} from ${firstIndex} (${cost})`);
  }
  failed(error: PipelineError, { count, cost }: EventRun): void {
    this.heard.push(`failed ${count} (${cost}): ${error.code}`);
  }
}

let queue: AnsweredQueue;
let clock: SimulatedClock;
let batcher: Batcher;
let owner: Owner;
let successor: Batcher | undefined;

beforeEach(() => {
  queue = new AnsweredQueue();
  clock = new SimulatedClock();
  owner = new Owner();
  successor = undefined;
  batcher = create(0);
});

function create(partition: number): Batcher {
  const port = queue as unknown as Queue;
  const options = { patienceMs: 5_000 };
  const observer = { enqueued: () => undefined };
  const random = new SeededRandom(1);
  return new Batcher(port, partition, options, clock, random, observer, (of) => successor ?? of);
}

const event = (text: string) => new StorableText(text, 'a');
const append = (index: number, to = owner, cost = 7) =>
  batcher.append(event(`{"n":${index}}`), cost, to, index);
const bodies = (call: Call) => call.batches.map((batch) => batch.bodies.length);

describe('the batcher', () => {
  it('puts what came in one turn into one batch and tells each owner its part', async () => {
    const other = new Owner();
    append(0);
    append(1);
    append(0, other);
    append(2);
    await settled();
    expect(queue.calls.map(bodies)).toEqual([[4]]);
    expect(owner.heard).toEqual([]);
    await queue.last().answer();
    expect(owner.heard).toEqual(['durable 2 from 0 (14)', 'durable 1 from 2 (7)']);
    expect(other.heard).toEqual(['durable 1 from 0 (7)']);
  });

  it('makes one call at a time and sends with the next one what came meanwhile', async () => {
    append(0);
    await settled();
    for (let i = 1; i <= 1_500; i++) append(i);
    await settled();
    expect(queue.calls).toHaveLength(1);
    await queue.last().answer();
    expect(queue.calls.map(bodies)).toEqual([[1], [1_000, 500]]);
  });

  it('bounds a batch and a call in bytes', async () => {
    for (let i = 0; i < 12; i++) append(i, owner, 400_000);
    await settled();
    await queue.last().answer();
    expect(queue.calls.map(bodies)).toEqual([[2, 2, 2, 2, 2], [2]]);
  });

  it('takes an event that is larger than a batch by itself', async () => {
    append(0, owner, 3_000_000);
    append(1, owner, 3_000_000);
    await settled();
    expect(queue.calls.map(bodies)).toEqual([[1]]);
  });

  it('keeps the order between batches of callers and single events', async () => {
    append(0);
    const batch = { id: 'b', digest: 'd', answer: '', rememberMs: 1, bodies: ['{"batch":1}'] };
    const answered = batcher.enqueue(batch, 10);
    append(1);
    await settled();
    expect(queue.last().batches.map((sent) => PackedEvents.of(sent.bodies).texts())).toEqual([
      ['{"n":0}'],
      ['{"batch":1}'],
      ['{"n":1}'],
    ]);
    await queue.last().answer();
    expect(await answered).toEqual({ outcome: 'queued' });
  });

  it('repeats a call that got no answer, with the same batches under the same ids', async () => {
    append(0);
    await settled();
    await queue.last().fail(UNAVAILABLE);
    append(1);
    await clock.advance(1_000);
    await settled();
    expect(queue.calls).toHaveLength(2);
    expect(queue.calls[1]?.batches).toEqual(queue.calls[0]?.batches);
    await queue.last().answer([{ outcome: 'duplicate', answer: '' }]);
    expect(owner.heard).toEqual(['durable 1 from 0 (7)']);
  });

  it('gives up when patience is over, and only what has waited that long', async () => {
    append(0);
    await settled();
    await clock.advance(4_000);
    append(1);
    await clock.advance(2_000);
    await queue.last().fail(UNAVAILABLE);
    expect(owner.heard).toEqual(['failed 1 (7): QUEUE_UNAVAILABLE']);
    await settled();
    expect(queue.calls).toHaveLength(2);
    await queue.last().answer();
    expect(owner.heard.at(-1)).toBe('durable 1 from 1 (7)');
  });

  it('gives up what waits behind a call without an answer, when its patience is over, too', async () => {
    append(0);
    await settled();
    const batch = { id: 'b', digest: 'd', answer: '', rememberMs: 1, bodies: [] };
    const behind = batcher.enqueue(batch, 0);
    append(1);
    await clock.advance(6_000);
    append(2);
    void queue.last().fail(UNAVAILABLE);
    await expect(behind).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await settled();
    // The last one came to the batch of the one before, and shares its fate.
    expect(owner.heard).toEqual([
      'failed 1 (7): QUEUE_UNAVAILABLE',
      'failed 2 (14): QUEUE_UNAVAILABLE',
    ]);
    expect(queue.calls).toHaveLength(1);
    append(3);
    await settled();
    await queue.last().answer();
    expect(owner.heard.at(-1)).toBe('durable 1 from 3 (7)');
  });

  it('tells callers apart: one batch is refused, the other queued', async () => {
    const batch = { digest: 'd', answer: '', rememberMs: 1, bodies: [] };
    const full = batcher.enqueue({ ...batch, id: 'a' }, 0);
    const reused = batcher.enqueue({ ...batch, id: 'b' }, 0);
    const fine = batcher.enqueue({ ...batch, id: 'c' }, 0);
    await settled();
    void queue
      .last()
      .answer([
        { outcome: 'refused', reason: 'QUEUE_FULL' },
        { outcome: 'refused', reason: 'BATCH_ID_REUSED' },
        { outcome: 'queued' },
      ]);
    await expect(full).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    await expect(reused).rejects.toMatchObject({ code: 'BATCH_ID_REUSED' });
    await expect(fine).resolves.toEqual({ outcome: 'queued' });
  });

  it('does not try again what is a bug, and hides nothing of it', async () => {
    append(0);
    await settled();
    await queue.last().fail(new TypeError('a bug'));
    expect(owner.heard).toEqual(['failed 1 (7): INTERNAL']);
  });

  it('gives up at the next failure once it is told to', async () => {
    append(0);
    await settled();
    await queue.last().fail(UNAVAILABLE);
    batcher.giveUp();
    await settled();
    await queue.last().fail(UNAVAILABLE);
    await batcher.idle;
    expect(owner.heard).toEqual(['failed 1 (7): QUEUE_UNAVAILABLE']);
    expect(batcher.idle).toBeUndefined();
  });

  describe('when the partitions change', () => {
    const CHANGED: EnqueueResult = { outcome: 'refused', reason: 'PARTITIONS_CHANGED' };
    const named = { id: 'n', digest: 'd', answer: '', rememberMs: 1, generation: 3, bodies: [] };

    it('hands what its partition takes no more to its successor, under the same id', async () => {
      append(0);
      await settled();
      successor = create(1);
      const [sent] = queue.last().batches;
      await queue.last().answer([CHANGED]);
      expect(queue.calls).toHaveLength(2);
      expect(queue.last().batches).toEqual([sent]);
      await queue.last().answer();
      expect(owner.heard).toEqual(['durable 1 from 0 (7)']);
    });

    it('tries again while it has no successor yet, until patience is over', async () => {
      append(0);
      await settled();
      await queue.last().answer([CHANGED]);
      await clock.advance(1_000);
      await settled();
      expect(queue.calls).toHaveLength(2);
      await clock.advance(5_000);
      await queue.last().answer([CHANGED]);
      expect(owner.heard).toEqual(['failed 1 (7): QUEUE_UNAVAILABLE']);
    });

    it('tells who routed a batch by its generation, and queues its neighbours', async () => {
      const answered = batcher.enqueue(named, 0);
      append(0);
      await settled();
      await queue.last().answer([CHANGED, { outcome: 'queued' }]);
      expect(await answered).toEqual(CHANGED);
      expect(owner.heard).toEqual(['durable 1 from 0 (7)']);
    });
  });

  it('takes on new events that are brought while the last answers are given', async () => {
    const chain: EventOwner = {
      durable: ({ firstIndex }) => {
        if (firstIndex < 3) batcher.append(event('{}'), 7, chain, firstIndex + 1);
      },
      failed: () => undefined,
    };
    batcher.append(event('{}'), 7, chain, 0);
    for (let i = 0; i < 4; i++) {
      await settled();
      await queue.last().answer();
    }
    expect(queue.calls).toHaveLength(4);
  });
});
