import { systemClock } from '@event-pipeline/runtime';
import { SeededRandom } from '@event-pipeline/runtime/testing';
import { FAULT_SEED, tell, WHOLE_SUITE } from '../harness/fault-scale';
import { untilItWorks } from '../harness/kill-loop';
import { ALL_WAYS } from '../harness/load/load';
import { startLoaded, type LoadedPipeline } from '../harness/loaded-pipeline';
import { Scratch } from '../harness/scratch';
import type { TcpProxy } from '../harness/tcp-proxy';

const LOSSES = WHOLE_SUITE ? 100 : 5;

const scratch = new Scratch();
beforeAll(() => tell(`lost replies: FAULT_SEED=${FAULT_SEED}`));
afterEach(() => scratch.clean());

describe('a reply that is lost after the work was done', () => {
  it(`between queue and collector, ${LOSSES} times: producers see nothing, and the queue takes each event once, with or without batch ids`, async () => {
    const { pipeline, load } = await startLoaded({ engine: 'redis', proxied: true }, scratch, {
      ways: ALL_WAYS,
      batchEvents: 5,
    });

    await loseReplies({ pipeline, load }, [onlyScripts(pipeline.links.collectorToQueue!)]);

    // A stream has no batch id: it is taken once because the collector alone repeats.
    expect(await pipeline.violations(load, { queuedOnce: true, noneDead: true })).toEqual([]);
    expect([...load.failures]).toEqual([]);
    expect((await pipeline.stats()).duplicateBatches).toBeGreaterThan(0);
    expect(pipeline.surprises).toEqual([]);
  }, 300_000);

  it(`between collector and producer, ${LOSSES} times: the same batch again is known, and queued once`, async () => {
    const { pipeline, load } = await startLoaded({ engine: 'redis', proxied: true }, scratch, {
      batchEvents: 5,
    });

    await loseReplies({ pipeline, load }, [{ proxy: pipeline.links.toCollector }]);

    expect(await pipeline.violations(load, { queuedOnce: true, noneDead: true })).toEqual([]);
    expect(load.ledger.resent).toBeGreaterThan(0);
    expect((await pipeline.stats()).duplicateBatches).toBeGreaterThan(0);
    expect(pipeline.surprises).toEqual([]);
  }, 300_000);

  it(`on every link at random, ${LOSSES} times, with a store behind: nothing is lost, nothing stored or queued twice`, async () => {
    const { pipeline, load } = await startLoaded(
      { engine: 'redis', store: 'postgres', proxied: true },
      scratch,
      { batchEvents: 5 },
    );
    const { toCollector, collectorToQueue, workersToQueue, workersToStore } = pipeline.links;

    await loseReplies({ pipeline, load }, [
      { proxy: toCollector },
      onlyScripts(collectorToQueue!),
      onlyScripts(workersToQueue!),
      { proxy: workersToStore! },
    ]);

    expect(await pipeline.violations(load, { queuedOnce: true, noneDead: true })).toEqual([]);
    expect(pipeline.surprises).toEqual([]);
  }, 300_000);
});

interface LossyLink {
  readonly proxy: TcpProxy;
  readonly request?: (bytes: Buffer) => boolean;
}

/** Of what passes on a link to Redis, the replies to the queue's own steps. */
function onlyScripts(proxy: TcpProxy): LossyLink {
  return { proxy, request: (bytes) => bytes.includes('evalsha') };
}

/** Loses one reply after the other, each at a random moment on a random link. */
async function loseReplies(
  { pipeline, load }: LoadedPipeline,
  links: readonly LossyLink[],
): Promise<void> {
  const random = new SeededRandom(FAULT_SEED);
  for (let loss = 0; loss < LOSSES; loss++) {
    await systemClock.sleep(random.next() * 150);
    const link = links[Math.floor(random.next() * links.length)];
    if (link === undefined) throw new Error('there is no link');
    const { proxy, ...which } = link;
    await proxy.loseReply({ ...which, swallowMs: 20 + random.next() * 80 });
    await untilItWorks(pipeline, load);
  }
}
