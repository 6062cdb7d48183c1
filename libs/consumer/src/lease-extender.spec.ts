import { PipelineError } from '@event-pipeline/runtime';
import { SimulatedClock } from '@event-pipeline/runtime/testing';
import type { Queue } from '@event-pipeline/queue';
import { LeaseExtender } from './lease-extender';
import { unavailable } from './testing';

const LEASE_MS = 30_000;
const THIRD = LEASE_MS / 3;
const lease = { partition: 0, id: 'a lease', size: 3 };

function setUp(extend: Queue['extend'], requestedAt = 0) {
  const clock = new SimulatedClock();
  const sentAt: number[] = [];
  const queue = {
    extend: (...given: Parameters<Queue['extend']>) => {
      sentAt.push(clock.monotonic());
      return extend(...given);
    },
  };
  const extender = new LeaseExtender(queue, clock, lease, LEASE_MS, requestedAt);
  return { clock, sentAt, extender };
}

const succeeds: Queue['extend'] = async () => undefined;
const fails: Queue['extend'] = async () => {
  throw unavailable();
};
const hangs: Queue['extend'] = () => new Promise(() => undefined);

describe('a lease that is worked on', () => {
  it('is extended each time a third of its time has passed', async () => {
    const { clock, sentAt, extender } = setUp(succeeds);
    await clock.advance(10 * LEASE_MS);
    expect(sentAt).toHaveLength(30);
    expect(sentAt.slice(0, 3)).toEqual([THIRD, 2 * THIRD, 3 * THIRD]);
    expect(extender.signal.aborted).toBe(false);
    expect(extender.deadline).toBe(11 * LEASE_MS);
    extender.stop();
  });

  it('is extended by its own id and time', async () => {
    const given: unknown[] = [];
    const { clock, extender } = setUp(async (...args) => void given.push(...args));
    await clock.advance(THIRD);
    expect(given).toEqual([lease, LEASE_MS]);
    extender.stop();
  });

  it('is extended at once when the request for it took more than a third of its time', async () => {
    const { clock, sentAt, extender } = setUp(succeeds, -2 * THIRD);
    await clock.advance(1);
    expect(sentAt).toEqual([0]);
    expect(extender.deadline).toBe(LEASE_MS);
    extender.stop();
  });

  it('is tried again soon after an extension that failed, and goes on as before once one succeeds', async () => {
    let failures = 3;
    const { clock, sentAt, extender } = setUp(async () => {
      if (failures-- > 0) throw unavailable();
    });
    await clock.advance(2 * LEASE_MS);
    expect(sentAt.slice(0, 5)).toEqual([10_000, 11_000, 12_000, 13_000, 23_000]);
    expect(extender.lost).toBeUndefined();
    extender.stop();
  });

  it('is lost when the queue refuses', async () => {
    const { clock, sentAt, extender } = setUp(async () => {
      throw new PipelineError('LEASE_LOST', 'gone');
    });
    await clock.advance(THIRD);
    expect(extender.signal.aborted).toBe(true);
    expect(extender.lost).toBe('refused');
    await clock.advance(10 * LEASE_MS);
    expect(sentAt).toHaveLength(1);
  });

  it.each([
    ['fails', fails],
    ['hangs', hangs],
  ])('is lost at its deadline, not before, when every extension %s', async (_, extend) => {
    const { clock, extender } = setUp(extend);
    await clock.advance(LEASE_MS - 1);
    expect(extender.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(extender.signal.aborted).toBe(true);
    expect(extender.lost).toBe('deadline-passed');
    expect(clock.sleeping).toBe(0);
  });

  it('counts its time from before it was asked for, not from when it was received', async () => {
    const { clock, extender } = setUp(fails, -5_000);
    await clock.advance(LEASE_MS - 5_000);
    expect(extender.lost).toBe('deadline-passed');
  });

  it('counts an extension from before it was sent, however late the answer comes', async () => {
    const clock = new SimulatedClock();
    let extensions = 0;
    const extend = async () => {
      if (++extensions > 1) throw unavailable();
      await clock.sleep(15_000);
    };
    const extender = new LeaseExtender({ extend }, clock, lease, LEASE_MS, 0);
    await clock.advance(THIRD + LEASE_MS - 1);
    expect(extender.lost).toBeUndefined();
    await clock.advance(1);
    expect(extender.lost).toBe('deadline-passed');
  });

  it('is not counted as lost by an answer that comes after the end of the work', async () => {
    const { clock, extender } = setUp(async () => {
      extender.stop();
      throw new PipelineError('LEASE_LOST', 'it was settled meanwhile');
    });
    await clock.advance(10 * LEASE_MS);
    expect(extender.lost).toBeUndefined();
    expect(extender.signal.aborted).toBe(false);
  });

  it.each([
    ['between extensions', succeeds],
    ['during an extension', hangs],
  ])('leaves nothing waiting when it is stopped %s', async (_, extend) => {
    const { clock, sentAt, extender } = setUp(extend);
    await clock.advance(THIRD);
    extender.stop();
    await clock.advance(0);
    expect(clock.sleeping).toBe(0);
    await clock.advance(10 * LEASE_MS);
    expect(sentAt).toHaveLength(1);
  });

  it('can be given up while it is held', async () => {
    const { clock, sentAt, extender } = setUp(succeeds);
    extender.abort();
    expect(extender.signal.aborted).toBe(true);
    expect(extender.lost).toBeUndefined();
    await clock.advance(LEASE_MS);
    expect(sentAt).toEqual([]);
  });
});
