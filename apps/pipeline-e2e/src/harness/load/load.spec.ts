import { Scratch } from '../scratch';
import { until } from '../until';
import { Load, type Way } from './load';

const scratch = new Scratch();
afterEach(() => scratch.clean());

describe('a load without a collector', () => {
  it.each<[Way, number]>([
    ['unary', 10],
    ['batches', 40],
    ['streams', 10],
  ])(
    'by %s has a bounded number of events on their way, goes on trying, and can be given up',
    async (way, most) => {
      // Nothing listens on port 1.
      const load = new Load(
        { address: '127.0.0.1:1', seed: 1, ways: [way], batchEvents: 10 },
        scratch,
      );
      load.start();
      const failed = () => [...load.failures.values()].reduce((sum, count) => sum + count, 0);
      await until('many calls have failed', () => failed() > 12);
      expect(load.ledger.counts.sent).toBeGreaterThan(0);
      expect(load.ledger.counts.sent).toBeLessThanOrEqual(most);
      await load.stop();
      const { sent, unknown } = load.ledger.counts;
      expect(unknown).toBe(sent);
      expect(load.ledger.breaches).toEqual([]);
    },
  );
});
