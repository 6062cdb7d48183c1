import { SeededRandom, SimulatedClock } from '@event-pipeline/runtime/testing';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { Heartbeat } from './heartbeat';
import { LeaseReceiver, type Receipt } from './lease-receiver';
import { QueueOutage } from './queue-outage';
import { InMemoryQueue } from '@event-pipeline/queue/testing';
import { InterceptedQueue, unavailable } from './testing';

const LEASE_MS = 30_000;

function setUp() {
  const clock = new SimulatedClock();
  const sink = createLogSink();
  const queue = new InterceptedQueue(new InMemoryQueue(clock));
  const stopper = new AbortController();
  const receiver = new LeaseReceiver({
    queue,
    limits: { maxEvents: 10, maxBytes: 1_000, leaseMs: LEASE_MS },
    clock,
    random: new SeededRandom(),
    logger: sink.logger,
    outage: new QueueOutage(clock, sink.logger),
    heartbeat: new Heartbeat(clock),
  });
  let receipt: Receipt | undefined | 'none yet' = 'none yet';
  const receive = () =>
    receiver.receive(0, 'skip', stopper.signal).then((answer) => (receipt = answer));
  const leaseIds = () =>
    queue.callsOf('receive').map(([request]) => (request as { leaseId: string }).leaseId);
  const put = (...bodies: string[]) =>
    queue.enqueue(0, [{ id: 'a', digest: '', answer: '', rememberMs: 1, bodies }]);
  return { clock, sink, queue, stopper, receive, leaseIds, put, receipt: () => receipt };
}

const fails = async () => {
  throw unavailable();
};

describe('receiving', () => {
  it('passes its limits on and says when the lease was asked for', async () => {
    const { clock, queue, receive, put, receipt } = setUp();
    await put('{"n":1}');
    await clock.advance(77);
    await receive();
    expect(receipt()).toMatchObject({ requestedAt: 77, lease: { size: 1 } });
    expect(queue.callsOf('receive')[0]).toMatchObject([
      { partition: 0, maxEvents: 10, maxBytes: 1_000, leaseMs: LEASE_MS, isolated: 'skip' },
    ]);
  });

  it('takes a fresh lease id each time', async () => {
    const { receive, leaseIds } = setUp();
    await receive();
    await receive();
    expect(new Set(leaseIds()).size).toBe(2);
  });

  it('gets a lease whose answer was lost by asking again under the same id', async () => {
    const { clock, queue, receive, put, leaseIds, receipt } = setUp();
    await put('{"n":1}', '{"n":2}');
    queue.next('receive', async ({ proceed }) => {
      await proceed();
      throw unavailable();
    });
    const received = receive();
    await clock.advance(200);
    await received;
    expect(new Set(leaseIds()).size).toBe(1);
    expect(receipt()).toMatchObject({ requestedAt: 0, lease: { size: 2 } });
    expect(await queue.stats(0)).toMatchObject({ leases: 1, leased: 2 });
  });

  it('asks under a new id once the lease it may have made has run out', async () => {
    const { clock, queue, receive, leaseIds } = setUp();
    queue.next('receive', ...Array<typeof fails>(100).fill(fails));
    const received = receive();
    await clock.advance(LEASE_MS - 2_000);
    expect(new Set(leaseIds()).size).toBe(1);
    await clock.advance(4_000);
    expect(new Set(leaseIds()).size).toBe(2);
    await clock.advance(200_000);
    await received;
  });

  it('asks again after 50 to 100 ms at first and up to 2 s later, for as long as it takes', async () => {
    const { clock, queue, receive, leaseIds, receipt } = setUp();
    queue.next('receive', ...Array<typeof fails>(1_000).fill(fails));
    const received = receive();
    await clock.advance(49);
    expect(leaseIds()).toHaveLength(1);
    await clock.advance(51);
    expect(leaseIds()).toHaveLength(2);
    await clock.advance(3_600_000);
    expect(receipt()).toMatchObject({ isolatedWaiting: false });
    expect(leaseIds()).toHaveLength(1_001);
    await received;
  });

  it('logs one line when the queue stops answering and one when it answers again', async () => {
    const { clock, queue, sink, receive } = setUp();
    queue.next('receive', fails, fails, fails, fails);
    const received = receive();
    await clock.advance(60_000);
    await received;
    expect(sink.lines.map(({ level, msg }) => [level, msg])).toEqual([
      ['warn', 'the queue does not answer; trying again until it does'],
      ['info', 'the queue answers again'],
    ]);
  });

  it('goes on after an error that should not be, and logs it once a minute', async () => {
    const { clock, queue, sink, receive } = setUp();
    const broken = async () => {
      throw new TypeError('a bug');
    };
    queue.next('receive', ...Array<typeof broken>(60).fill(broken));
    const received = receive();
    await clock.advance(200_000);
    await received;
    expect(sink.messages).toEqual(['receiving events failed', 'receiving events failed']);
    expect(sink.lines[1]).toMatchObject({ level: 'warn', keptBack: expect.any(Number) });
  });

  it('gives up at once when it is told to', async () => {
    const { clock, queue, stopper, receive, receipt } = setUp();
    queue.next('receive', ...Array<typeof fails>(100).fill(fails));
    const received = receive();
    await clock.advance(1_000);
    stopper.abort();
    await received;
    expect(receipt()).toBeUndefined();
    expect(clock.sleeping).toBe(0);
  });
});
