import { createMetrics } from '@event-pipeline/telemetry';
import { MetricsText, quantileBound } from './metrics-text';
import { readQueueFigures } from './queue-figures';

describe("a program's metrics page", () => {
  it('gives the sum over series that bear the labels', () => {
    const page = new MetricsText(
      [
        '# HELP depth how deep',
        '# TYPE depth gauge',
        'depth{partition="0",state="pending"} 3',
        'depth{partition="1",state="pending"} 4',
        'depth{partition="1",state="de\\"ad}"} 5',
        'plain 1.5e3',
        'plain_more 7 1700000000000',
      ].join('\n'),
    );
    expect(page.sum('depth', { state: 'pending' })).toBe(7);
    expect(page.sum('depth')).toBe(12);
    expect(page.sum('plain')).toBe(1_500);
    expect(page.sum('plain_more')).toBe(7);
    expect(page.sum('nothing')).toBeUndefined();
  });

  it('gives the figures of the queue as the telemetry library writes them', async () => {
    const metrics = createMetrics();
    const partition = {
      ...{ enqueued: 20, processed: 10, purged: 0, retried: 0, expiredLeases: 0 },
      ...{ duplicateBatches: 0, pending: 1, suspect: 2, leased: 3, delayed: 4, dead: 5 },
      ...{ leases: 1, bytes: 100 },
    };
    metrics.sampleQueue(() => Promise.resolve({ partitions: [{ partition: 0, ...partition }] }));
    metrics.endToEndSeconds.observe(0.004);
    const figures = readQueueFigures(await metrics.text());
    expect(figures).toMatchObject({ processed: 10, dead: 5, left: 10, delayed: 4 });
    expect(figures?.endToEnd[0]).toEqual({ upperBound: 0.005, count: 1 });
    expect(figures?.endToEnd.at(-1)).toEqual({ upperBound: Infinity, count: 1 });
  });

  it('gives no figures where the queue could not be read', async () => {
    const metrics = createMetrics();
    metrics.sampleQueue(() => Promise.reject(new Error('unreachable')));
    expect(readQueueFigures(await metrics.text())).toBeUndefined();
  });
});

describe('a quantile', () => {
  const buckets = (...counts: number[]) =>
    [0.1, 1, Infinity].map((upperBound, index) => ({ upperBound, count: counts[index] ?? 0 }));

  it('is a bound that the share of the new observations does not pass', () => {
    const before = buckets(50, 60, 60);
    const after = buckets(100, 159, 160);
    expect(quantileBound(before, after, 0.5)).toBe(0.1);
    expect(quantileBound(before, after, 0.51)).toBe(1);
    expect(quantileBound(before, after, 0.99)).toBe(1);
    expect(quantileBound(before, after, 1)).toBe(Infinity);
  });

  it('leaves out so many of the largest observations', () => {
    const after = buckets(100, 100, 150);
    expect(quantileBound([], after, 0.9)).toBe(Infinity);
    expect(quantileBound([], after, 0.9, 50)).toBe(0.1);
    expect(quantileBound([], after, 0.9, 150)).toBeUndefined();
  });

  it('is unknown without an observation', () => {
    expect(quantileBound(buckets(5, 5, 5), buckets(5, 5, 5), 0.5)).toBeUndefined();
    expect(quantileBound([], [], 0.5)).toBeUndefined();
  });
});
