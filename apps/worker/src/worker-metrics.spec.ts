import { decodeStoredEvent } from '@event-pipeline/contracts';
import { DEAD_REASONS } from '@event-pipeline/queue';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { createMetrics } from '@event-pipeline/telemetry';
import { workerMetrics } from './worker-metrics';

const nothing = {
  exceptions: [],
  retried: 0,
  deferred: 0,
  dead: {},
  doneIndexes: [],
  deadEvents: [],
  failures: [],
  released: 0,
};
const lease = { partition: 0, events: 6, isolated: false };

async function setUp() {
  const clock = new SimulatedClock();
  const metrics = createMetrics({ clock });
  const valueOf = async (series: string) => {
    const lines = (await metrics.text()).split('\n');
    return Number(lines.find((line) => line.startsWith(`${series} `))?.split(' ')[1]);
  };
  return { clock, observer: workerMetrics(metrics, clock), valueOf };
}

describe('the metrics of a worker', () => {
  it('count what became of the events of a lease', async () => {
    const { clock, observer, valueOf } = await setUp();
    const received = (ago: number) =>
      decodeStoredEvent(
        JSON.stringify({ eventId: 'id', type: 'a', timestamp: 1, receivedAt: clock.now() - ago }),
      );
    observer.onLease?.(lease);
    observer.onSettled?.({
      ...lease,
      handlingMs: 3,
      settleMs: 7,
      outcome: {
        exceptions: [],
        done: [received(500), received(1_500), received(-9_000)],
        retried: 1,
        deferred: 4,
        dead: { 'permanent-error': 1, undecodable: 2 },
        doneIndexes: [0, 1, 2],
        deadEvents: [received(1), received(0)],
        failures: [],
        released: 0,
      },
    });
    expect(await valueOf('pipeline_lease_events_sum')).toBe(6);
    expect(await valueOf('pipeline_events_processed_total')).toBe(3);
    expect(await valueOf('pipeline_events_retried_total')).toBe(1);
    expect(await valueOf('pipeline_events_dead_total{reason="permanent-error"}')).toBe(1);
    expect(await valueOf('pipeline_events_dead_total{reason="undecodable"}')).toBe(2);
    expect(await valueOf('pipeline_earlier_events_total{outcome="processed"}')).toBe(2);
    expect(await valueOf('pipeline_earlier_events_total{outcome="dead"}')).toBe(1);
    expect(await valueOf('pipeline_end_to_end_seconds_count')).toBe(3);
    expect(await valueOf('pipeline_end_to_end_seconds_sum')).toBe(2);
    expect(await valueOf('pipeline_handling_seconds_sum')).toBe(0.003);
    expect(await valueOf('pipeline_settle_seconds_sum')).toBe(0.007);
  });

  it('begin at 0 for every reason, so that the first of each shows as growth', async () => {
    const { valueOf } = await setUp();
    for (const reason of DEAD_REASONS) {
      expect(await valueOf(`pipeline_events_dead_total{reason="${reason}"}`)).toBe(0);
    }
    expect(await valueOf('pipeline_leases_lost_total{reason="ambiguous"}')).toBe(0);
    expect(await valueOf('pipeline_earlier_events_total{outcome="dead"}')).toBe(0);
  });

  it('have the time of each event, whether or not its neighbours were received with it', async () => {
    const { clock, observer, valueOf } = await setUp();
    const ages = [20, 20, 20, 400, 20, 20, 60_000];
    const done = ages.map((ago) =>
      decodeStoredEvent(
        JSON.stringify({ eventId: 'id', type: 'a', timestamp: 1, receivedAt: clock.now() - ago }),
      ),
    );
    observer.onSettled?.({ ...lease, handlingMs: 1, settleMs: 1, outcome: { ...nothing, done } });
    const bucket = (le: string) => valueOf(`pipeline_end_to_end_seconds_bucket{le="${le}"}`);
    expect(
      await Promise.all(['0.01', '0.025', '0.25', '0.5', '30', '60', '+Inf'].map(bucket)),
    ).toEqual([0, 5, 5, 6, 6, 7, 7]);
    expect(await valueOf('pipeline_end_to_end_seconds_sum')).toBeCloseTo(60.5, 9);
  });

  it('count lost leases, and dead letters that crashes have made', async () => {
    const { observer, valueOf } = await setUp();
    observer.onLost?.({ ...lease, reason: 'refused' });
    observer.onReclaimed?.(0, { leases: 3, events: 3, dead: 2 });
    observer.onReclaimed?.(0, { leases: 3, events: 30, dead: 0 });
    expect(await valueOf('pipeline_leases_lost_total{reason="refused"}')).toBe(1);
    expect(await valueOf('pipeline_events_dead_total{reason="crashed-worker"}')).toBe(2);
  });
});
