import { Histogram } from 'prom-client';
import { BucketHistogram } from './bucket-histogram';

const options = { name: 'sizes', help: 'Sizes.', buckets: [1, 5, 10] };

async function samplesOf(histogram: { get(): Promise<{ values: readonly object[] }> }) {
  const { values } = await histogram.get();
  return values as { metricName: string; labels: object; value: number }[];
}

describe('a histogram that counts in crowds', () => {
  it("shows what prom-client's own shows of the same observations", async () => {
    const ours = new BucketHistogram(options);
    const theirs = new Histogram({ ...options, registers: [] });
    for (const [value, times] of [
      [0, 2],
      [1, 3],
      [1.5, 1],
      [10, 4],
      [11, 5],
      [-1, 1],
    ] as const) {
      ours.observe(value, times);
      for (let time = 0; time < times; time++) theirs.observe(value);
    }
    const shown = (await samplesOf(theirs)).map(({ metricName, labels, value }) => ({
      metricName,
      labels,
      value,
    }));
    expect(await samplesOf(ours)).toEqual(shown);
  });

  it('refuses what would make its sum no number', async () => {
    const histogram = new BucketHistogram(options);
    for (const value of [NaN, Infinity, -Infinity]) {
      expect(() => histogram.observe(value)).toThrow('sizes');
    }
    expect((await samplesOf(histogram)).at(-1)).toMatchObject({ value: 0 });
  });
});
