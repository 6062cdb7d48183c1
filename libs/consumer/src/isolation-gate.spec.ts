import { IsolationGate } from './isolation-gate';

/** Work that runs until it is told to end, and says in a log when it begins and ends. */
function controlledWork(log: string[], name: string) {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  return {
    end,
    work: async () => {
      log.push(`${name} begins`);
      await ended;
      log.push(`${name} ends`);
      return name;
    },
  };
}

const forEver = new Promise<void>(() => undefined);
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('the isolation gate', () => {
  it('lets shared work run side by side', async () => {
    const gate = new IsolationGate();
    const log: string[] = [];
    const [a, b] = [controlledWork(log, 'a'), controlledWork(log, 'b')];
    const both = Promise.all([gate.runShared(a.work), gate.runShared(b.work)]);
    await settled();
    expect(log).toEqual(['a begins', 'b begins']);
    a.end();
    b.end();
    expect(await both).toEqual(['a', 'b']);
  });

  it('runs exclusive work with nothing beside it, after what is in hand and before what comes', async () => {
    const gate = new IsolationGate();
    const log: string[] = [];
    const [first, alone, later] = ['first', 'alone', 'later'].map((n) => controlledWork(log, n));
    const all = [gate.runShared(first!.work), gate.runExclusive(alone!.work, forEver)];
    await settled();
    all.push(gate.runShared(later!.work));
    await settled();
    expect(log).toEqual(['first begins']);
    first!.end();
    await settled();
    expect(log).toEqual(['first begins', 'first ends', 'alone begins']);
    alone!.end();
    await settled();
    later!.end();
    await Promise.all(all);
    expect(log.slice(3)).toEqual(['alone ends', 'later begins', 'later ends']);
  });

  it('runs exclusive pieces one after another', async () => {
    const gate = new IsolationGate();
    const log: string[] = [];
    const [a, b] = [controlledWork(log, 'a'), controlledWork(log, 'b')];
    const both = Promise.all([
      gate.runExclusive(a.work, forEver),
      gate.runExclusive(b.work, forEver),
    ]);
    await settled();
    expect(log).toEqual(['a begins']);
    b.end();
    a.end();
    await both;
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });

  it('gives exclusive work up when patience is over, and lets shared work go on', async () => {
    const gate = new IsolationGate();
    const log: string[] = [];
    const [slow, next] = [controlledWork(log, 'slow'), controlledWork(log, 'next')];
    let endPatience: () => void = () => undefined;
    const patience = new Promise<void>((resolve) => (endPatience = resolve));
    const shared = [gate.runShared(slow.work)];
    const alone = gate.runExclusive(async () => log.push('alone'), patience);
    shared.push(gate.runShared(next.work));
    await settled();
    expect(log).toEqual(['slow begins']);
    endPatience();
    expect(await alone).toBeUndefined();
    await settled();
    expect(log).toEqual(['slow begins', 'next begins']);
    slow.end();
    next.end();
    await Promise.all(shared);
    expect(log).not.toContain('alone');
  });

  it('is free again after work that failed', async () => {
    const gate = new IsolationGate();
    const failing = async () => {
      throw new Error('no');
    };
    await expect(gate.runShared(failing)).rejects.toThrow('no');
    await expect(gate.runExclusive(failing, forEver)).rejects.toThrow('no');
    expect(await gate.runExclusive(async () => 'alone', forEver)).toBe('alone');
    expect(await gate.runShared(async () => 'shared')).toBe('shared');
  });

  it('never lets exclusive work meet any other, whatever order they come in', async () => {
    const gate = new IsolationGate();
    let shared = 0;
    let exclusive = 0;
    const breathe = (turns: number) =>
      Array.from({ length: turns }).reduce<Promise<void>>(
        (p) => p.then(settled),
        Promise.resolve(),
      );
    const runs = Array.from({ length: 200 }, async (_, i) => {
      await breathe((i * 7) % 5);
      if (i % 10 === 3) {
        await gate.runExclusive(
          async () => {
            exclusive++;
            expect([shared, exclusive]).toEqual([0, 1]);
            await breathe(i % 3);
            expect([shared, exclusive]).toEqual([0, 1]);
            exclusive--;
          },
          breathe(i % 7),
        );
      } else {
        await gate.runShared(async () => {
          shared++;
          expect(exclusive).toBe(0);
          await breathe(i % 4);
          expect(exclusive).toBe(0);
          shared--;
        });
      }
    });
    await Promise.all(runs);
  });
});
