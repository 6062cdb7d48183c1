import { Load } from './harness/load/load';
import { Pipeline } from './harness/pipeline';
import { Scratch } from './harness/scratch';
import { until } from './harness/until';

const scratch = new Scratch();
afterEach(() => scratch.clean());

/** A queue with events in it, and nobody who takes them out. */
async function stoppedPipeline() {
  const pipeline = await Pipeline.start({ engine: 'redis', workers: 1 }, scratch);
  const [worker] = pipeline.workers;
  await worker?.stop();
  const load = new Load({ address: pipeline.address, seed: 1, maxEvents: 300 }, scratch);
  load.start();
  await until('all is sent', () => load.ledger.counts.acknowledged > 290);
  await load.settle();
  return { pipeline, load, goOn: () => worker?.start() };
}

const EXPECTED = { queuedOnce: true, noneDead: true };

describe('the suite itself', () => {
  it('finds one event that vanishes from the queue', async () => {
    const { pipeline, load, goOn } = await stoppedPipeline();
    await pipeline.redis.command('lpop', 'event_queue');
    await goOn();
    const violations = await pipeline.violations(load, EXPECTED);
    expect(violations).toMatchObject([
      { invariant: 'no-loss', count: 1 },
      { invariant: 'queued-once', count: 1 },
      { invariant: 'conserved' },
    ]);
  });

  it('finds one event whose content has changed, and one that nobody sent', async () => {
    const { pipeline, load, goOn } = await stoppedPipeline();
    const body = String(await pipeline.redis.command('lpop', 'event_queue'));
    await pipeline.redis.command('lpush', 'event_queue', body.replace(/"n":\d+/, '"n":-1'));
    const unknown = body.replace(
      /"eventId":".{36}"/,
      `"eventId":"${'0'.repeat(8)}-0000-4000-8000-${'9'.repeat(12)}"`,
    );
    await pipeline.redis.command('lpush', 'event_queue', unknown);
    await goOn();
    const violations = await pipeline.violations(load, EXPECTED);
    expect(violations).toMatchObject([
      { invariant: 'stored-as-sent', count: 1 },
      { invariant: 'nothing-invented', count: 1 },
      { invariant: 'queued-once', count: 1 },
      { invariant: 'conserved' },
    ]);
  });

  it('finds a program that ends by itself', async () => {
    const { pipeline } = await stoppedPipeline();
    // Nobody has told the harness.
    process.kill(pipeline.collector.program.pid, 'SIGKILL');
    await pipeline.collector.program.exited;
    expect(pipeline.surprises).toEqual([expect.stringContaining('collector ended by itself')]);
  });
});
