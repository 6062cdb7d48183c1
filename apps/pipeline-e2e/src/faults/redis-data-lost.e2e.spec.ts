import { untilItWorks } from '../harness/kill-loop';
import { exported, startLoaded } from '../harness/loaded-pipeline';
import { Scratch } from '../harness/scratch';
import { until } from '../harness/until';

const scratch = new Scratch();
afterEach(() => scratch.clean());

describe('a Redis that comes back without its data', () => {
  it.each(['FLUSHALL', 'an empty folder'] as const)(
    '(%s) is said in an error and counted by every program; new events are taken and processed',
    async (how) => {
      const { pipeline, load } = await startLoaded({ engine: 'redis', workers: 1 }, scratch);
      await load.settle();
      await pipeline.queue.untilEmpty();

      if (how === 'FLUSHALL') {
        await pipeline.redis.command('flushall');
        await pipeline.redis.restart();
      } else {
        await pipeline.redis.restart({ empty: true });
      }

      const lost = 'Redis came back without the data of this queue';
      for (const { program } of pipeline.services) {
        const line = await program.logged('the loss', ({ msg }) => msg?.startsWith(lost) === true);
        expect(line['level']).toBe('error');
        await until(
          'it is counted',
          async () => (await exported(program, 'pipeline_queue_data_lost_total')) > 0,
        );
      }
      load.start();
      await untilItWorks(pipeline, load);
      await load.settle();
      await pipeline.queue.untilEmpty();
      // The backlog was empty, so nothing that matters was lost; the queue's counters began anew.
      const evidence = await pipeline.evidence(load);
      const found = new Set(evidence.stored.map(({ eventId }) => eventId));
      const missing = [...evidence.sent].filter(
        ({ eventId, outcome }) => outcome === 'acknowledged' && !found.has(eventId),
      );
      expect(missing).toEqual([]);
      expect(pipeline.surprises).toEqual([]);
    },
    120_000,
  );
});
