import { FlowController } from './flow-controller';
import { PipelineError } from './pipeline-error';
import { StreamFlow } from './stream-flow';

const whole = () => new FlowController({ maxEvents: 100, maxBytes: 1_000 });
const SHARE = { maxEvents: 10, maxBytes: 100 };

describe('the share of a stream', () => {
  it('bounds what one stream holds, in events and in bytes, and leaves the rest to others', () => {
    const shared = whole();
    const [greedy, other] = [new StreamFlow(shared, SHARE), new StreamFlow(shared, SHARE)];
    for (let i = 0; i < 10; i++) expect(greedy.tryAcquire(1, 1)).toBe(true);
    expect(greedy.tryAcquire(1, 1)).toBe(false);
    expect(other.tryAcquire(1, 99)).toBe(true);
    expect(other.tryAcquire(1, 2)).toBe(false);
    expect([shared.events, shared.bytes]).toEqual([11, 109]);
  });

  it('a stream that waits for its own share does not stand in the line of all', async () => {
    const shared = whole();
    const [greedy, other] = [new StreamFlow(shared, SHARE), new StreamFlow(shared, SHARE)];
    greedy.tryAcquire(10, 10);
    const waiting = greedy.acquire(1, 1);
    await other.acquire(5, 5);
    expect(shared.waiting).toBe(0);
    greedy.release(10, 10);
    await waiting;
    expect(shared.events).toBe(6);
  });

  it('gives its share back where the whole budget refuses', async () => {
    const shared = new FlowController({ maxEvents: 1, maxBytes: 1_000 });
    shared.tryAcquire(1, 1);
    const stream = new StreamFlow(shared, SHARE);
    expect(stream.tryAcquire(1, 1)).toBe(false);
    const refused = stream.acquire(1, 1);
    // The first turn is that of its own share.
    await Promise.resolve();
    expect(shared.refuseWaiting(new PipelineError('OVERLOADED', 'too much'))).toBe(1);
    await expect(refused).rejects.toMatchObject({ code: 'OVERLOADED' });
    shared.release(1, 1);
    expect(stream.tryAcquire(10, 100)).toBe(true);
  });

  it('one request above the share is admitted when the stream holds nothing else', () => {
    const stream = new StreamFlow(whole(), SHARE);
    expect(stream.tryAcquire(50, 500)).toBe(true);
    expect(stream.tryAcquire(1, 1)).toBe(false);
  });
});

describe('a suspended budget', () => {
  it('admits nobody while something is held, and everybody who waits when it is resumed', async () => {
    const flow = whole();
    flow.tryAcquire(1, 1);
    flow.suspend();
    expect(flow.tryAcquire(1, 1)).toBe(false);
    const waiting = [flow.acquire(1, 1), flow.acquire(1, 1)];
    flow.resume();
    await Promise.all(waiting);
    expect(flow.events).toBe(3);
  });

  it('admits one at a time while nothing is held', async () => {
    const flow = whole();
    flow.suspend();
    await flow.acquire(1, 1);
    const next = flow.acquire(1, 1);
    expect(flow.waiting).toBe(1);
    flow.release(1, 1);
    await next;
  });
});
