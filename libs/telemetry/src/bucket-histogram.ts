export interface BucketHistogramOptions {
  readonly name: string;
  readonly help: string;
  /** Upper bounds, ascending; the one without a bound is added. */
  readonly buckets: readonly number[];
}

/** One line of the text form. */
interface Sample {
  readonly metricName: string;
  readonly labels: { readonly le?: number | '+Inf' };
  readonly value: number;
}

/**
 * A histogram that takes many equal observations in one step: prom-client's own costs a call for each,
 * and events come in crowds that were received in the same millisecond. It has no labels.
 */
export class BucketHistogram {
  readonly name: string;
  private readonly help: string;
  private readonly bounds: readonly number[];
  /** Not added up; the last one is for what is above every bound. */
  private readonly counts: Float64Array;
  private sum = 0;

  constructor({ name, help, buckets }: BucketHistogramOptions) {
    this.name = name;
    this.help = help;
    this.bounds = buckets;
    this.counts = new Float64Array(buckets.length + 1);
  }

  /** @throws TypeError where the value is no finite number: the sum would be none for ever. */
  observe(value: number, times = 1): void {
    if (!Number.isFinite(value)) throw new TypeError(`${this.name}: ${value} is no finite number`);
    let bucket = 0;
    while (value > (this.bounds[bucket] ?? Infinity)) bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + times;
    this.sum += value * times;
  }

  /** What a registry of prom-client asks at a scrape. */
  get() {
    const { name, help } = this;
    const bucketName = `${name}_bucket`;
    let count = 0;
    const buckets = Array.from(this.counts, (observed, at): Sample => {
      count += observed;
      const le = this.bounds[at] ?? '+Inf';
      return { metricName: bucketName, labels: { le }, value: count };
    });
    const values: readonly Sample[] = [
      ...buckets,
      { metricName: `${name}_sum`, labels: {}, value: this.sum },
      { metricName: `${name}_count`, labels: {}, value: count },
    ];
    return Promise.resolve({ name, help, type: 'histogram', values });
  }
}
