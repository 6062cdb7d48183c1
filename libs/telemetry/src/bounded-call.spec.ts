import { SimulatedClock } from '@event-pipeline/runtime/testing';
import { BoundedCall } from './bounded-call';

describe('BoundedCall', () => {
  it('yields what the call yields, or its error, and leaves no timer behind', async () => {
    const clock = new SimulatedClock();
    let outcome = Promise.resolve('a');
    const call = new BoundedCall(() => outcome, 100, clock);
    await expect(call.run()).resolves.toBe('a');
    outcome = Promise.reject(new Error('b'));
    await expect(call.run()).rejects.toThrow('b');
    expect(clock.sleeping).toBe(0);
  });

  it('takes a call that throws for one that rejects', async () => {
    const call = new BoundedCall<void>(
      () => {
        throw new Error('at once');
      },
      100,
      new SimulatedClock(),
    );
    await expect(call.run()).rejects.toThrow('at once');
    await expect(call.run()).rejects.toThrow('at once');
  });

  it('gives up after its limit, while the call goes on', async () => {
    const clock = new SimulatedClock();
    const call = new BoundedCall(() => new Promise<void>(() => undefined), 100, clock);
    const refused = expect(call.run()).rejects.toThrow('no answer within 100 ms');
    await clock.advance(100);
    await refused;
  });

  it('never calls twice at the same time, even when the call hangs', async () => {
    const clock = new SimulatedClock();
    let answer: (value: string) => void = () => undefined;
    const slow = jest.fn(() => new Promise<string>((resolve) => (answer = resolve)));
    const call = new BoundedCall(slow, 100, clock);
    const first = expect(call.run()).rejects.toThrow('no answer');
    await clock.advance(100);
    await first;
    const second = call.run();
    const third = call.run();
    expect(slow).toHaveBeenCalledTimes(1);
    answer('late');
    expect(await Promise.all([second, third])).toEqual(['late', 'late']);
    void call.run().catch(() => undefined);
    expect(slow).toHaveBeenCalledTimes(2);
    await clock.advance(100);
  });
});
