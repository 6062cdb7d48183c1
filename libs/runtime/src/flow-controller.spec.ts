import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { FlowController } from './flow-controller';

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Begins an acquire and notes the name once it is held. */
function acquireAs(
  name: string,
  held: string[],
  flow: FlowController,
  events: number,
  bytes: number,
  signal?: AbortSignal,
): Promise<void> {
  return flow.acquire(events, bytes, signal).then(() => void held.push(name));
}

describe('FlowController', () => {
  it('admits up to both limits and not beyond', () => {
    const flow = new FlowController({ maxEvents: 10, maxBytes: 100 });
    expect(flow.tryAcquire(10, 50)).toBe(true);
    expect(flow.tryAcquire(1, 0)).toBe(false);
    flow.release(5, 25);
    expect(flow.tryAcquire(1, 76)).toBe(false);
    expect(flow.tryAcquire(1, 75)).toBe(true);
    expect([flow.events, flow.bytes]).toEqual([6, 100]);
  });

  it('admits those who wait in the order in which they came', async () => {
    const flow = new FlowController({ maxEvents: 2, maxBytes: 100 });
    const held: string[] = [];
    expect(flow.tryAcquire(2, 2)).toBe(true);
    const all = ['a', 'b', 'c'].map((name) => acquireAs(name, held, flow, 1, 1));
    await settled();
    expect([held, flow.waiting]).toEqual([[], 3]);
    flow.release(2, 2);
    await settled();
    expect([held, flow.waiting]).toEqual([['a', 'b'], 1]);
    flow.release(1, 1);
    await Promise.all(all);
    expect(held).toEqual(['a', 'b', 'c']);
  });

  it('does not let small requests starve a large one', async () => {
    const flow = new FlowController({ maxEvents: 10, maxBytes: 100 });
    const held: string[] = [];
    expect(flow.tryAcquire(1, 10)).toBe(true);
    const large = acquireAs('large', held, flow, 10, 100);
    const small = acquireAs('small', held, flow, 1, 1);
    // It would fit beside what is held, but somebody waits already.
    expect(flow.tryAcquire(1, 1)).toBe(false);
    await settled();
    expect(held).toEqual([]);
    flow.release(1, 10);
    await large;
    expect(held).toEqual(['large']);
    flow.release(10, 100);
    await small;
    expect(held).toEqual(['large', 'small']);
  });

  it('admits a request above the limits when nothing else is held, and then nothing beside it', async () => {
    const flow = new FlowController({ maxEvents: 10, maxBytes: 100 });
    const held: string[] = [];
    expect(flow.tryAcquire(1, 1)).toBe(true);
    const oversize = acquireAs('oversize', held, flow, 50, 5_000);
    await settled();
    expect(held).toEqual([]);
    flow.release(1, 1);
    await oversize;
    expect([flow.events, flow.bytes]).toEqual([50, 5_000]);
    expect(flow.tryAcquire(0, 1)).toBe(false);
    flow.release(50, 5_000);
    expect(flow.tryAcquire(11, 1)).toBe(true);
  });

  it('refuses to release more than is held, and changes nothing', () => {
    const flow = new FlowController({ maxEvents: 10, maxBytes: 100 });
    expect(flow.tryAcquire(2, 20)).toBe(true);
    expect(() => flow.release(3, 1)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
    expect(() => flow.release(1, 21)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
    expect([flow.events, flow.bytes]).toEqual([2, 20]);
  });

  it.each([
    [-1, 1],
    [1, -1],
    [0.5, 1],
    [1, NaN],
    [Infinity, 1],
  ])('refuses %p events and %p bytes as an amount', async (events, bytes) => {
    const flow = new FlowController({ maxEvents: 10, maxBytes: 100 });
    const internal = expect.objectContaining({ code: 'INTERNAL' });
    expect(() => flow.tryAcquire(events, bytes)).toThrow(internal);
    expect(() => flow.release(events, bytes)).toThrow(internal);
    await expect(async () => flow.acquire(events, bytes)).rejects.toEqual(internal);
    expect(() => new FlowController({ maxEvents: events, maxBytes: bytes })).toThrow(internal);
  });

  it('lets a request give up, with the reason of its signal and without holding anything', async () => {
    const flow = new FlowController({ maxEvents: 1, maxBytes: 100 });
    expect(flow.tryAcquire(1, 1)).toBe(true);
    const givingUp = new AbortController();
    const waiting = flow.acquire(1, 1, givingUp.signal);
    givingUp.abort(new Error('the client left'));
    await expect(waiting).rejects.toThrow('the client left');
    expect([flow.events, flow.waiting]).toEqual([1, 0]);
    await expect(flow.acquire(1, 1, givingUp.signal)).rejects.toThrow('the client left');
  });

  it('goes on with those behind a request that gave up', async () => {
    const flow = new FlowController({ maxEvents: 10, maxBytes: 100 });
    const held: string[] = [];
    expect(flow.tryAcquire(5, 5)).toBe(true);
    const givingUp = new AbortController();
    const large = flow.acquire(10, 10, givingUp.signal);
    const small = acquireAs('small', held, flow, 1, 1);
    givingUp.abort(new Error('over'));
    await expect(large).rejects.toThrow('over');
    await small;
    expect(held).toEqual(['small']);
  });

  it('does not admit a small request past a large one that waits', async () => {
    const flow = new FlowController({ maxEvents: 8, maxBytes: 100 });
    const held: string[] = [];
    expect(flow.tryAcquire(5, 5)).toBe(true);
    expect(flow.tryAcquire(3, 3)).toBe(true);
    const all = [acquireAs('large', held, flow, 8, 8), acquireAs('small', held, flow, 1, 1)];
    flow.release(3, 3);
    await settled();
    expect(held).toEqual([]);
    flow.release(5, 5);
    await settled();
    expect(held).toEqual(['large']);
    flow.release(8, 8);
    await Promise.all(all);
  });

  it('leaves nothing behind on a signal that outlives the request', async () => {
    const flow = new FlowController({ maxEvents: 1, maxBytes: 100 });
    expect(flow.tryAcquire(1, 1)).toBe(true);
    const { signal } = new AbortController();
    const waiting = flow.acquire(1, 1, signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    flow.release(1, 1);
    await waiting;
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('keeps what was admitted when the signal aborts afterwards', async () => {
    const flow = new FlowController({ maxEvents: 1, maxBytes: 100 });
    expect(flow.tryAcquire(1, 1)).toBe(true);
    const givingUp = new AbortController();
    const waiting = flow.acquire(1, 1, givingUp.signal);
    flow.release(1, 1);
    givingUp.abort(new Error('too late'));
    await waiting;
    expect(flow.events).toBe(1);
  });

  it('holds its limits and its order through any sequence of steps', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('acquire'), size: fc.integer({ min: 1, max: 12 }) }),
      fc.record({ kind: fc.constant('release'), size: fc.nat() }),
      fc.record({ kind: fc.constant('abort'), size: fc.nat() }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const flow = new FlowController({ maxEvents: 8, maxBytes: 80 });
        const waiting: { id: number; abort: AbortController }[] = [];
        const held: { id: number; size: number }[] = [];
        const order: number[] = [];
        for (const [id, { kind, size }] of steps.entries()) {
          if (kind === 'acquire') {
            const entry = { id, abort: new AbortController() };
            waiting.push(entry);
            const leave = () => waiting.splice(waiting.indexOf(entry), 1);
            flow.acquire(size, size * 10, entry.abort.signal).then(() => {
              leave();
              held.push({ id, size });
              order.push(id);
            }, leave);
          } else if (kind === 'release' && held.length > 0) {
            const amount = held.splice(size % held.length, 1)[0]!.size;
            flow.release(amount, amount * 10);
          } else if (kind === 'abort' && waiting.length > 0) {
            waiting[size % waiting.length]!.abort.abort();
          }
          await settled();
          const sum = held.reduce((total, entry) => total + entry.size, 0);
          expect([flow.events, flow.bytes]).toEqual([sum, sum * 10]);
          expect(sum <= 8 || held.length === 1).toBe(true);
          expect(flow.waiting).toBe(waiting.length);
          // Nobody was admitted past one that still waits.
          for (const entry of waiting) expect(entry.id).toBeGreaterThan(order.at(-1) ?? -1);
          // Nobody waits for nothing.
          if (held.length === 0) expect(waiting).toEqual([]);
        }
        expect(order).toEqual([...order].sort((a, b) => a - b));
      }),
      { numRuns: 200 },
    );
  });

  it('holds what turned out larger, beyond the limit, and lets others in when it is free again', async () => {
    const flow = new FlowController({ maxEvents: 10, maxBytes: 100 });
    expect(flow.tryAcquire(1, 60)).toBe(true);
    flow.grow(90);
    expect(flow.bytes).toBe(150);
    const next = flow.acquire(1, 10);
    expect(flow.waiting).toBe(1);
    flow.release(1, 150);
    await next;
    expect([flow.events, flow.bytes]).toEqual([1, 10]);
  });
});
