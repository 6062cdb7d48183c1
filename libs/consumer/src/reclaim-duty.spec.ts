import { SeededRandom, SimulatedClock } from '@event-pipeline/runtime/testing';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { ReclaimDuty } from './reclaim-duty';
import { InMemoryQueue } from '@event-pipeline/queue/testing';
import { InterceptedQueue, unavailable } from './testing';

const LEASE_MS = 30_000;

function setUp(partitions = 1) {
  const clock = new SimulatedClock();
  const sink = createLogSink();
  const queue = new InterceptedQueue(new InMemoryQueue(clock, { partitions }));
  const stopper = new AbortController();
  const reclaimed: unknown[] = [];
  const duty = new ReclaimDuty(queue, clock, new SeededRandom(), sink.logger, {
    leaseMs: LEASE_MS,
    maxCrashes: 3,
    onReclaimed: (partition, what) => reclaimed.push({ partition, ...what }),
  });
  const ended = duty.run(stopper.signal);
  const putAndLeave = async (partition: number, id: number) => {
    const bodies = ['{"n":1}', '{"n":2}'];
    await queue.enqueue(partition, [
      { id: `${id}`, digest: '', answer: '', rememberMs: 1, bodies },
    ]);
    const leaseId = `00000000-0000-0000-0000-${String(id).padStart(12, '0')}`;
    const limits = { maxEvents: 2, maxBytes: 100, leaseMs: LEASE_MS };
    await queue.receive({ partition, leaseId, isolated: 'skip', ...limits });
  };
  return { clock, sink, queue, stopper, ended, reclaimed, putAndLeave };
}

describe('the reclaim duty', () => {
  it('takes a first look within a second of the start', async () => {
    const { clock, queue } = setUp();
    await clock.advance(1_000);
    expect(queue.callsOf('reclaim')).toEqual([[0, { maxLeases: 16, maxCrashes: 3 }]]);
  });

  it('looks at every partition, each third to two thirds of the lease time', async () => {
    const { clock, queue } = setUp(3);
    await clock.advance(1_000);
    expect(queue.callsOf('reclaim').map(([partition]) => partition)).toEqual([0, 1, 2]);
    await clock.advance(100 * LEASE_MS);
    const turns = queue.callsOf('reclaim').length / 3;
    expect(turns).toBeGreaterThan(150);
    expect(turns).toBeLessThan(300);
  });

  it('takes back every lease that has run out, says so, and tells the observer', async () => {
    const { clock, sink, queue, reclaimed, putAndLeave } = setUp();
    for (let id = 0; id < 40; id++) await putAndLeave(0, id);
    await clock.advance(2 * LEASE_MS);
    expect(await queue.stats(0)).toMatchObject({ leased: 0, suspect: 80 });
    expect(reclaimed).toEqual([
      { partition: 0, leases: 16, events: 32, dead: 0 },
      { partition: 0, leases: 16, events: 32, dead: 0 },
      { partition: 0, leases: 8, events: 16, dead: 0 },
    ]);
    expect(sink.messages).toContain('took back leases that had run out');
  });

  it('goes on after failures, which it logs at most once a minute', async () => {
    const { clock, sink, queue, putAndLeave } = setUp();
    const fails = async () => {
      throw unavailable();
    };
    queue.next('reclaim', ...Array<typeof fails>(20).fill(fails));
    await putAndLeave(0, 1);
    await clock.advance(20 * LEASE_MS);
    expect(await queue.stats(0)).toMatchObject({ leased: 0, suspect: 2 });
    const warnings = sink.lines.filter(({ msg }) => msg.startsWith('taking back expired leases'));
    expect(warnings.length).toBeGreaterThan(2);
    expect(warnings.length).toBeLessThan(8);
  });

  it('takes back the leases of every other partition while one is out of reach, and names it', async () => {
    const { clock, sink, queue, putAndLeave } = setUp(2);
    const passOrFail: Parameters<typeof queue.next<'reclaim'>>[1] = async (call) => {
      if (call.arguments[0] === 0) throw unavailable();
      return call.proceed();
    };
    queue.next('reclaim', ...Array<typeof passOrFail>(100).fill(passOrFail));
    await putAndLeave(0, 1);
    await putAndLeave(1, 2);
    await clock.advance(2 * LEASE_MS);
    expect(await queue.stats(0)).toMatchObject({ leased: 2 });
    expect(await queue.stats(1)).toMatchObject({ leased: 0, suspect: 2 });
    const warnings = sink.lines.filter(({ msg }) => msg.startsWith('taking back expired leases'));
    expect(warnings).toMatchObject([{ partition: 0 }]);
  });

  it('ends when it is stopped', async () => {
    const { clock, queue, stopper, ended } = setUp();
    await clock.advance(5 * LEASE_MS);
    const calls = queue.callsOf('reclaim').length;
    stopper.abort();
    await ended;
    await clock.advance(5 * LEASE_MS);
    expect(queue.callsOf('reclaim')).toHaveLength(calls);
    expect(clock.sleeping).toBe(0);
  });
});
