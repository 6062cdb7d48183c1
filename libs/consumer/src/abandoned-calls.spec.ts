import { AbandonedCalls, MAX_ABANDONED_CALLS } from './abandoned-calls';

describe('abandoned calls', () => {
  it('are said to be too many when one more makes them so, not when one fewer does', async () => {
    const changes: [held: number, becameFull: boolean][] = [];
    const calls = new AbandonedCalls((...change) => changes.push(change));
    const ends: (() => void)[] = [];
    const hang = () => calls.add(new Promise<void>((resolve) => ends.push(resolve)));
    for (let n = 0; n < MAX_ABANDONED_CALLS + 2; n++) hang();
    for (const end of ends.splice(0, 3)) end();
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls.isFull).toBe(false);
    expect(changes.slice(-6)).toEqual([
      [MAX_ABANDONED_CALLS, true],
      [MAX_ABANDONED_CALLS + 1, false],
      [MAX_ABANDONED_CALLS + 2, false],
      [MAX_ABANDONED_CALLS + 1, false],
      [MAX_ABANDONED_CALLS, false],
      [MAX_ABANDONED_CALLS - 1, false],
    ]);
    hang();
    expect(changes.at(-1)).toEqual([MAX_ABANDONED_CALLS, true]);
  });
});
