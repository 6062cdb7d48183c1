import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { untilItWorks } from '../harness/kill-loop';
import { exported, startLoaded, untilFailedLike } from '../harness/loaded-pipeline';
import { embeddedEngine } from '../harness/queue-engine';
import { Scratch } from '../harness/scratch';
import { until } from '../harness/until';

const scratch = new Scratch();
afterEach(() => scratch.clean());

describe('an embedded queue that is deleted under load', () => {
  it.each([
    ['its whole folder', (folder: string) => rm(folder, { recursive: true })],
    ['its data alone', (folder: string) => rm(join(folder, 'data.mdb'))],
  ])(
    '(%s) is noticed by every program, nothing is acknowledged into it, and all goes on by itself in a new one',
    async (_, damage) => {
      const folder = await scratch.folder();
      const engine = await embeddedEngine(scratch, folder);
      const variables = { COLLECTOR_QUEUE_PATIENCE_MS: '200' };
      const { pipeline, load } = await startLoaded({ engine, variables }, scratch);

      await damage(folder);
      const { sent: sentBefore } = load.ledger.counts;
      await untilFailedLike(load, /^UNAVAILABLE/);
      for (const { program } of pipeline.services) {
        const line = await program.logged('the loss', ({ msg }) =>
          /data\.mdb" was deleted, moved or replaced while it was in use/.test(msg ?? ''),
        );
        expect(line['level']).toBe('error');
        await until(
          'it is counted',
          async () => (await exported(program, 'pipeline_queue_data_lost_total')) === 1,
        );
      }

      await untilItWorks(pipeline, load);
      await load.settle();
      await pipeline.queue.untilEmpty();
      const { sent, breaches, stored } = await pipeline.evidence(load);
      const found = new Set(stored.map(({ eventId }) => eventId));
      // What was sent before may have been acknowledged before, and be gone.
      const missing = [...sent]
        .slice(sentBefore)
        .filter(({ eventId, outcome }) => outcome === 'acknowledged' && !found.has(eventId));
      expect(missing).toEqual([]);
      expect(load.ledger.counts.sent).toBeGreaterThan(sentBefore + 100);
      expect(breaches).toEqual([]);
      expect(pipeline.surprises).toEqual([]);
    },
    120_000,
  );
});
