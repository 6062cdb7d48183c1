import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { sampleQueue } from './sample-queue';
import { InMemoryQueue } from './testing/in-memory-queue';

const receivedAtOf = (body: string) => /"receivedAt":(\d+)/.exec(body)?.[1];
const sampled = (queue: InMemoryQueue, clock: SimulatedClock) =>
  sampleQueue(
    queue,
    (body) => {
      const found = receivedAtOf(body);
      return found === undefined ? undefined : Number(found);
    },
    clock.now(),
  );

function setUp(partitions: number) {
  const clock = new SimulatedClock();
  const queue = new InMemoryQueue(clock, { partitions });
  const put = (partition: number, ...bodies: string[]) =>
    queue.enqueue(partition, [{ id: 'a', digest: '', answer: '', rememberMs: 1, bodies }]);
  return { clock, queue, put };
}

describe('a sample of the queue', () => {
  it('has every partition, with the age of the event that is next in line', async () => {
    const { clock, queue, put } = setUp(2);
    const receivedAt = clock.now();
    await put(1, JSON.stringify({ eventId: 'id', type: 'a', timestamp: 1, receivedAt }));
    await clock.advance(2_500);
    const { partitions, durability } = await sampled(queue, clock);
    expect(durability).toBe('memory');
    expect(partitions).toMatchObject([
      { partition: 0, pending: 0, oldestPendingAgeSeconds: undefined },
      { partition: 1, pending: 1, enqueued: 1, oldestPendingAgeSeconds: 2.5 },
    ]);
  });

  it('does without the age where the next in line is no event', async () => {
    const { clock, queue, put } = setUp(1);
    await put(0, '{');
    const { partitions } = await sampled(queue, clock);
    expect(partitions).toMatchObject([{ pending: 1, oldestPendingAgeSeconds: undefined }]);
  });

  it('never has a negative age, whatever the clocks say', async () => {
    const { clock, queue, put } = setUp(1);
    const receivedAt = clock.now() + 5_000;
    await put(0, JSON.stringify({ eventId: 'id', type: 'a', timestamp: 1, receivedAt }));
    const { partitions } = await sampled(queue, clock);
    expect(partitions).toMatchObject([{ oldestPendingAgeSeconds: 0 }]);
  });
});
