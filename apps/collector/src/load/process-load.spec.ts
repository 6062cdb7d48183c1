import { systemClock } from '@event-pipeline/runtime';
import { ProcessLoad } from './process-load';

it('a collection takes from the heap what nobody holds any more', () => {
  const load = new ProcessLoad(systemClock);
  try {
    const garbage = { held: Array.from({ length: 500_000 }, (_, at) => ({ at })) };
    load.collect();
    const before = load.sample().heapBytes;
    garbage.held = [];
    load.collect();
    expect(load.sample().heapBytes).toBeLessThan(before - 8 * 1_048_576);
  } finally {
    load.close();
  }
});
