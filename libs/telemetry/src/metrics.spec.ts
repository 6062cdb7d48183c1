import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { METRICS, type MetricSpec } from './metric-names';
import { createMetrics } from './metrics';
import type { PartitionSample } from './queue-sample';

const specs: readonly MetricSpec[] = Object.values(METRICS);

const partition: PartitionSample = {
  partition: 0,
  enqueued: 100,
  processed: 60,
  purged: 1,
  retried: 7,
  expiredLeases: 2,
  duplicateBatches: 3,
  pending: 20,
  suspect: 4,
  leased: 10,
  delayed: 3,
  dead: 2,
  leases: 1,
  bytes: 12_345,
  oldestPendingAgeSeconds: 1.5,
};

/** The samples in a Prometheus text: name with labels, and value. */
function samples(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

/** The samples of the queue alone. */
function queueSamples(text: string): [string, number][] {
  const names = specs.filter(({ from }) => from === 'queue').map(({ name }) => name);
  return [...samples(text)].filter(([key]) => names.includes(key.split('{')[0]!));
}

describe('the list of metrics', () => {
  it('is what createMetrics exposes, to the name, type and help, and nothing else', async () => {
    const text = await createMetrics().text();
    const exposed = [...text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$/gm)]
      .map(([, name, help, type]) => ({ name, help, type }))
      // What prom-client says of the process itself.
      .filter(({ name }) => !/^(process|nodejs)_/.test(name!));
    expect(exposed).toEqual(specs.map(({ name, help, type }) => ({ name, help, type })));
  });

  it('follows the naming rules of Prometheus', () => {
    expect(new Set(specs.map(({ name }) => name)).size).toBe(specs.length);
    for (const { name, type, help, labels, buckets = [] } of specs) {
      expect(name).toMatch(/^pipeline(_[a-z]+)+$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
      expect(help).toMatch(/^[A-Z1].*\.$/);
      expect(buckets.length > 0).toBe(type === 'histogram');
      if (type === 'histogram') expect(labels).toEqual([]);
      expect([...buckets]).toEqual([...buckets].sort((a, b) => a - b));
      for (const label of labels) expect(label).toMatch(/^[a-z]+$/);
    }
  });
});

describe('metrics', () => {
  it('shows what was counted, set and observed', async () => {
    const metrics = createMetrics();
    metrics.eventsReceived.add(500);
    metrics.eventsReceived.add(1);
    metrics.eventsRejected.add(2, { reason: 'invalid-id' });
    metrics.inFlightBytes.set(77);
    metrics.leaseEvents.observe(3);
    const shown = samples(await metrics.text());
    expect(shown.get('pipeline_events_received_total')).toBe(501);
    expect(shown.get('pipeline_events_rejected_total{reason="invalid-id"}')).toBe(2);
    expect(shown.get('pipeline_in_flight_bytes')).toBe(77);
    expect(shown.get('pipeline_lease_events_bucket{le="2"}')).toBe(0);
    expect(shown.get('pipeline_lease_events_bucket{le="5"}')).toBe(1);
    expect(shown.get('pipeline_lease_events_sum')).toBe(3);
  });

  it('shows the process as well', async () => {
    const shown = samples(await createMetrics().text());
    expect(shown.get('process_resident_memory_bytes')).toBeGreaterThan(0);
    expect(shown.has('nodejs_eventloop_lag_seconds')).toBe(true);
    // prom-client names some gauges as counters are named; Prometheus' own check objects to them.
    expect([...shown.keys()].filter((key) => /^nodejs_active_\w+_total/.test(key))).toEqual([]);
  });

  it('are those of one program: another has its own', async () => {
    createMetrics().eventsReceived.add(1);
    const shown = samples(await createMetrics().text());
    expect(shown.get('pipeline_events_received_total')).toBe(0);
  });

  it('are set just before a scrape by whoever asked for it', async () => {
    const metrics = createMetrics();
    let held = 1;
    metrics.beforeScrape(() => metrics.inFlightEvents.set(held));
    expect(samples(await metrics.text()).get('pipeline_in_flight_events')).toBe(1);
    held = 2;
    expect(samples(await metrics.text()).get('pipeline_in_flight_events')).toBe(2);
  });

  it('label what they hold so that a hostile value cannot forge a line', async () => {
    const metrics = createMetrics();
    metrics.eventsRejected.add(1, { reason: 'a"\nforged 1' });
    expect(await metrics.text()).toContain('{reason="a\\"\\nforged 1"} 1');
  });
});

describe('the queue in the metrics', () => {
  it('is read at each scrape, counters and depths as the queue has them', async () => {
    const metrics = createMetrics();
    let sample = { partitions: [partition], durability: 'disk' };
    metrics.sampleQueue(async () => sample);
    expect(Object.fromEntries(queueSamples(await metrics.text()))).toEqual({
      'pipeline_events_enqueued_total{partition="0"}': 100,
      'pipeline_queue_processed_total{partition="0"}': 60,
      'pipeline_queue_purged_total{partition="0"}': 1,
      'pipeline_queue_retried_total{partition="0"}': 7,
      'pipeline_queue_expired_leases_total{partition="0"}': 2,
      'pipeline_queue_duplicate_batches_total{partition="0"}': 3,
      'pipeline_queue_events{partition="0",state="pending"}': 20,
      'pipeline_queue_events{partition="0",state="suspect"}': 4,
      'pipeline_queue_events{partition="0",state="leased"}': 10,
      'pipeline_queue_events{partition="0",state="delayed"}': 3,
      'pipeline_queue_events{partition="0",state="dead"}': 2,
      'pipeline_queue_leases{partition="0"}': 1,
      'pipeline_queue_bytes{partition="0"}': 12_345,
      'pipeline_queue_oldest_event_age_seconds{partition="0"}': 1.5,
      'pipeline_queue_durability{durability="disk"}': 1,
    });
    sample = { partitions: [{ ...partition, enqueued: 101, processed: 61 }], durability: 'memory' };
    const again = new Map(queueSamples(await metrics.text()));
    expect(again.get('pipeline_events_enqueued_total{partition="0"}')).toBe(101);
    expect(again.get('pipeline_queue_processed_total{partition="0"}')).toBe(61);
    expect(again.has('pipeline_queue_durability{durability="disk"}')).toBe(false);
  });

  it('shows enough to check that no event is lost', async () => {
    const metrics = createMetrics();
    metrics.sampleQueue(async () => ({ partitions: [partition] }));
    const shown = new Map(queueSamples(await metrics.text()));
    const held = [...shown].filter(([key]) => key.startsWith('pipeline_queue_events{'));
    const gone = ['processed', 'purged'].map((what) =>
      shown.get(`pipeline_queue_${what}_total{partition="0"}`),
    );
    const sum = [...held.map(([, value]) => value), ...gone].reduce<number>(
      (total, value) => total + value!,
      0,
    );
    expect(sum).toBe(shown.get('pipeline_events_enqueued_total{partition="0"}'));
  });

  it('is absent, not stale, when it cannot be read; the rest is shown', async () => {
    const metrics = createMetrics();
    let read = async () => ({ partitions: [partition] });
    metrics.sampleQueue(() => read());
    expect(samples(await metrics.text()).get('pipeline_queue_sampled')).toBe(1);
    read = () => Promise.reject(new Error('no Redis'));
    const text = await metrics.text();
    expect(samples(text).get('pipeline_queue_sampled')).toBe(0);
    expect(queueSamples(text)).toEqual([]);
    expect(samples(text).has('pipeline_events_received_total')).toBe(true);
  });

  it('costs a scrape 2 s at most when it does not answer, and is not asked again meanwhile', async () => {
    const clock = new SimulatedClock();
    const metrics = createMetrics({ clock });
    const read = jest.fn(() => new Promise<never>(() => undefined));
    metrics.sampleQueue(read);
    for (let scrape = 0; scrape < 3; scrape += 1) {
      const scraped = metrics.text();
      await clock.advance(2_000);
      expect(samples(await scraped).get('pipeline_queue_sampled')).toBe(0);
    }
    expect(read).toHaveBeenCalledTimes(1);
  });

  it('is read once for scrapes that come at the same time', async () => {
    const metrics = createMetrics();
    const read = jest.fn(async () => ({ partitions: [partition] }));
    metrics.sampleQueue(read);
    const [first, second] = await Promise.all([metrics.text(), metrics.text()]);
    expect(first).toBe(second);
    expect(read).toHaveBeenCalledTimes(1);
  });

  it('does not fail a scrape by figures that are none', async () => {
    const metrics = createMetrics();
    metrics.sampleQueue(async () => ({
      partitions: [{ ...partition, pending: NaN, enqueued: -1 }],
    }));
    const text = await metrics.text();
    expect(samples(text).get('pipeline_queue_sampled')).toBe(0);
    expect(queueSamples(text)).toEqual([]);
  });
});
