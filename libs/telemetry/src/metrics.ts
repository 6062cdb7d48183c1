import { systemClock, type Clock } from '@event-pipeline/runtime';
import { Counter, Gauge, Registry, collectDefaultMetrics, type Histogram } from 'prom-client';
import { BoundedCall } from './bounded-call';
import { BucketHistogram } from './bucket-histogram';
import { METRICS, type MetricKey } from './metric-names';
import { QUEUE_STATES, type QueueSample } from './queue-sample';

type Spec<K extends MetricKey> = (typeof METRICS)[K];
type LabelsOf<K extends MetricKey> = Spec<K>['labels'][number];
type LabelArguments<L extends string> = [L] extends [never]
  ? []
  : [labels: Readonly<Record<L, string>>];

export interface CounterMetric<L extends string> {
  /** Counts `count` more; 0 or more. */
  add(count: number, ...labels: LabelArguments<L>): void;
}
export interface GaugeMetric<L extends string> {
  set(value: number, ...labels: LabelArguments<L>): void;
}
export interface HistogramMetric {
  /** `times` equal observations, in the unit that the metric's name ends with. */
  observe(value: number, times?: number): void;
}

type MetricOf<K extends MetricKey> = {
  counter: CounterMetric<LabelsOf<K>>;
  gauge: GaugeMetric<LabelsOf<K>>;
  histogram: HistogramMetric;
}[Spec<K>['type']];

/** What a program counts by itself; the rest is read from the queue at a scrape. */
type ProcessMetricKey = Exclude<
  { [K in MetricKey]: Spec<K>['from'] extends 'process' ? K : never }[MetricKey],
  'queueSampled'
>;

/** The metrics of one program, by their keys in metric-names.ts. */
export type Metrics = { readonly [K in ProcessMetricKey]: MetricOf<K> } & {
  /** Every metric in Prometheus' text form. Never rejects because of the queue. */
  text(): Promise<string>;
  readonly contentType: string;
  /**
   * Names the callback that reads the queue, called at each scrape. One that fails or takes longer
   * than 2 s costs this scrape the queue's figures (pipeline_queue_sampled is 0), nothing else.
   */
  sampleQueue(sample: () => Promise<QueueSample>): void;
  /** Names a callback that sets gauges just before each scrape. It must not throw. */
  beforeScrape(setGauges: () => void): void;
};

/**
 * Gauges that prom-client names as counters are named, which `promtool check metrics` objects to. The same
 * figures, by type of resource, are in nodejs_active_resources, _handles and _requests.
 */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** Well below the 10 s after which Prometheus gives a scrape up. */
const QUEUE_SAMPLE_LIMIT_MS = 2_000;

export function createMetrics(options: { readonly clock?: Clock } = {}): Metrics {
  const { clock = systemClock } = options;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const metrics = registerAll(registry);
  const gaugeSetters: (() => void)[] = [];
  let queue: BoundedCall<QueueSample> | undefined;

  const collect = async (): Promise<string> => {
    for (const setGauges of gaugeSetters) setGauges();
    if (queue !== undefined) {
      try {
        showQueue(metrics, await queue.run());
      } catch {
        // Absent figures and pipeline_queue_sampled say it; the rest of the scrape stands.
        showNoQueue(metrics);
      }
    }
    return registry.metrics();
  };
  // Scrapes that come at the same time share one collection: no half-filled gauge is ever seen.
  const collection = new BoundedCall(collect, 2 * QUEUE_SAMPLE_LIMIT_MS, clock);

  return {
    ...metrics,
    contentType: registry.contentType,
    text: () => collection.run(),
    sampleQueue: (sample) => {
      queue = new BoundedCall(sample, QUEUE_SAMPLE_LIMIT_MS, clock);
    },
    beforeScrape: (setGauges) => void gaugeSetters.push(setGauges),
  };
}

type Labels = Readonly<Record<string, string>>;

/** A metric as this file uses it: those from the queue are cleared and filled at each scrape. */
interface RegisteredMetric {
  add(count: number, labels?: Labels): void;
  set(value: number, labels?: Labels): void;
  observe(value: number, times?: number): void;
  clear(): void;
}

function registerAll(registry: Registry): RegisteredMetrics {
  // One entry for each key of the list, by construction.
  return Object.fromEntries(
    Object.entries(METRICS).map(([key, spec]) => [key, register(registry, spec)]),
  ) as RegisteredMetrics;
}

function register(registry: Registry, spec: (typeof METRICS)[MetricKey]): RegisteredMetric {
  const { name, help, type } = spec;
  const configuration = { name, help, labelNames: [...spec.labels], registers: [registry] };
  const unfit = () => {
    throw new TypeError(`${name} is a ${type}`);
  };
  switch (type) {
    case 'counter': {
      const counter = new Counter(configuration);
      const add = (count: number, labels: Labels = {}) => counter.inc(labels, count);
      return { add, set: unfit, observe: unfit, clear: () => counter.reset() };
    }
    case 'gauge': {
      const gauge = new Gauge(configuration);
      const set = (value: number, labels: Labels = {}) => gauge.set(labels, value);
      return { add: unfit, set, observe: unfit, clear: () => gauge.reset() };
    }
    case 'histogram': {
      const histogram = new BucketHistogram(spec);
      // The registry calls nothing but `get`; its types admit prom-client's own classes only.
      registry.registerMetric(histogram as unknown as Histogram);
      const observe = (value: number, times?: number) => histogram.observe(value, times);
      return { add: unfit, set: unfit, observe, clear: unfit };
    }
  }
}

type RegisteredMetrics = { readonly [K in MetricKey]: RegisteredMetric };

function showNoQueue(metrics: RegisteredMetrics): void {
  for (const [key, { from }] of Object.entries(METRICS)) {
    if (from === 'queue') metrics[key as MetricKey].clear();
  }
  metrics.queueSampled.set(0);
}

function showQueue(metrics: RegisteredMetrics, sample: QueueSample): void {
  showNoQueue(metrics);
  if (sample.durability !== undefined) {
    metrics.queueDurability.set(1, { durability: sample.durability });
  }
  for (const part of sample.partitions) {
    const partition = { partition: String(part.partition) };
    metrics.eventsEnqueued.add(part.enqueued, partition);
    metrics.queueProcessed.add(part.processed, partition);
    metrics.queuePurged.add(part.purged, partition);
    metrics.queueRetried.add(part.retried, partition);
    metrics.queueExpiredLeases.add(part.expiredLeases, partition);
    metrics.queueDuplicateBatches.add(part.duplicateBatches, partition);
    metrics.queueLeases.set(part.leases, partition);
    metrics.queueBytes.set(part.bytes, partition);
    metrics.queueOldestEventAge.set(part.oldestPendingAgeSeconds ?? 0, partition);
    for (const state of QUEUE_STATES) metrics.queueEvents.set(part[state], { ...partition, state });
  }
  metrics.queueSampled.set(1);
}
