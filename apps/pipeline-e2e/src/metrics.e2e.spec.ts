import { isDeepStrictEqual } from 'node:util';
import { promtool } from './harness/promtool';
import { runProducer, startCollector, startWorker } from './harness/program';
import { redisEngine } from './harness/queue-engine';
import { Scratch } from './harness/scratch';
import { until } from './harness/until';

const scratch = new Scratch();
afterEach(() => scratch.clean());

const pageOf = async (httpUrl: string) => (await fetch(`${httpUrl}/metrics`)).text();

describe('the metrics of real programs', () => {
  it('leave promtool nothing to object to, on both HTTP ports', async () => {
    const { variables, drained } = await redisEngine(scratch);
    const collector = await startCollector(variables, scratch);
    const worker = await startWorker(variables, scratch);
    await runProducer(collector.address, ['--count', '2000'], scratch);
    await drained();
    for (const { httpUrl } of [collector, worker]) {
      expect(promtool(['check', 'metrics'], await pageOf(httpUrl))).toEqual({ ok: true, said: '' });
    }
  }, 60_000);

  it('which objects where there is something', () => {
    const page = '# TYPE pipeline_events counter\npipeline_events 1\n';
    expect(promtool(['check', 'metrics'], page)).toMatchObject({ ok: false });
  });

  it('show sizes and times of whatever has worked', async () => {
    const { variables, drained } = await redisEngine(scratch);
    const collector = await startCollector(variables, scratch);
    const store = `embedded:${await scratch.folder()}`;
    const worker = await startWorker({ ...variables, STORE_URL: store }, scratch);
    await runProducer(collector.address, ['--count', '2000'], scratch);
    await drained();
    const observed = async (httpUrl: string) =>
      [...(await pageOf(httpUrl)).matchAll(/^pipeline_(\w+)_count (.*)$/gm)]
        .filter(([, , count]) => Number(count) > 0)
        .map(([, name]) => name)
        .sort();
    const intake = ['ack_seconds', 'enqueue_events', 'enqueue_seconds', 'loop_delay_seconds'];
    expect(await observed(collector.httpUrl)).toEqual(intake);
    // The worker hears of what it has settled a moment after the queue knows.
    await until('the worker has observed its last lease', async () =>
      isDeepStrictEqual(await observed(worker.httpUrl), [
        'end_to_end_seconds',
        'handling_seconds',
        'lease_events',
        'loop_delay_seconds',
        'settle_seconds',
        'store_seconds',
      ]),
    );
  }, 60_000);
});
