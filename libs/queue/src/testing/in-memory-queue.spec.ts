import { systemClock, type Clock } from '@event-pipeline/runtime';
import { InMemoryQueue } from './in-memory-queue';
import { describeQueueContract } from './queue-contract';

describeQueueContract('in memory', async (options = {}) => {
  let passed = 0;
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + passed };
  const queue = new InMemoryQueue(clock, { ...options, durability: 'disk' });
  return {
    queue,
    openAnother: async () => queue,
    passTime: async (ms) => void (passed += ms),
    buryForeign: async (body) => queue.buryForeign(body),
    dispose: () => queue.close(),
  };
});
