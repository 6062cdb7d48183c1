import { randomUUID } from 'node:crypto';
import { systemClock, type Clock } from '@event-pipeline/runtime';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import { startRedisServer, type RedisServer } from '../testing';
import { PartitionTable } from './partition-table';
import { partitionKeys, partitionsKey } from './redis-keys';
import type { RedisLink } from './redis-link';

let redis: RedisServer;
let name: string;
let aheadMs: number;

beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(() => redis.stop());
beforeEach(() => {
  name = `test_${randomUUID()}`;
  aheadMs = 0;
});
afterEach(() => redis.command('config', 'set', 'maxmemory', 0));

/** Real waits, and a time that a test can move on. */
const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + aheadMs };

/** As a process has it; one that dies sends nothing any more after so many calls. */
function table(options: { dyingAfter?: number } = {}): PartitionTable {
  let calls = 0;
  const link: Pick<RedisLink, 'run'> = {
    run: (script, keys, args) => {
      calls += 1;
      if (calls > (options.dyingAfter ?? Infinity)) return new Promise(() => undefined);
      return redis.command('eval', script.source, keys.length, ...keys, ...args);
    },
  };
  return new PartitionTable(link, name, clock, createLogSink().logger);
}

const fill = (partition: number) =>
  redis.command('lpush', partitionKeys(name, partition).pending, '{}');
const empty = (partition: number) => redis.command('del', partitionKeys(name, partition).pending);
const attempts = () => redis.command('hget', partitionsKey(name), 'attempt').then(Number);

async function gates(count: number) {
  const all: { generation: number; isClosed: boolean }[] = [];
  for (let partition = 0; partition < count; partition++) {
    const { counters } = partitionKeys(name, partition);
    const [generation, closed] = (await redis.command(
      'hmget',
      counters,
      'generation',
      'closed',
    )) as (string | null)[];
    all.push({ generation: Number(generation), isClosed: closed !== null });
  }
  return all;
}

/** What a table finds that has not seen the queue before; every present partition agrees with it. */
async function expectSound(count: number): Promise<void> {
  const fresh = table();
  await fresh.refresh();
  const { generation, ...found } = fresh.current();
  expect(found.count).toBe(count);
  expect(await gates(count)).toEqual(
    Array.from({ length: count }, () => ({ generation, isClosed: false })),
  );
  expect(await redis.command('hget', partitionsKey(name), 'next')).toBeNull();
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries === 400) throw new Error('the condition did not come true');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Looks, twice with a long time between, as every user of a queue does; waits for what comes of it. */
async function passBy(looker: PartitionTable, isDone: () => Promise<boolean>): Promise<void> {
  await looker.refresh();
  aheadMs += 6_000;
  await looker.refresh();
  await until(isDone);
}

describe('the partitions of a queue on Redis', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9])(
    'a growth whose process dies after %i calls is finished by whoever looks',
    async (dyingAfter) => {
      await table().resize(2);
      void table({ dyingAfter }).resize(4);
      await new Promise((resolve) => setTimeout(resolve, 100));
      const looker = table();
      const before = await attempts();
      const isBegun = (await redis.command('hget', partitionsKey(name), 'next')) !== null;
      if (!isBegun) return expectSound(looker.current().count === 4 || before > 1 ? 4 : 2);
      await passBy(looker, async () => looker.current().count === 4 || refreshed(looker, 4));
      await expectSound(4);
    },
  );

  it.each([3, 4, 5, 6, 7])(
    'a shrink whose process dies after %i calls is finished by whoever looks',
    async (dyingAfter) => {
      await table().resize(4);
      void table({ dyingAfter }).resize(2);
      await until(async () => (await attempts()) === 2 || dyingAfter < 4);
      await new Promise((resolve) => setTimeout(resolve, 100));
      if ((await attempts()) < 2) return expectSound(4);
      const looker = table();
      await passBy(looker, () => refreshed(looker, 2));
      await expectSound(2);
    },
  );

  it('a shrink left unfinished is taken back where a partition is not empty any more', async () => {
    await table().resize(4);
    // Partition 2 is closed by it, 3 is not yet.
    void table({ dyingAfter: 5 }).resize(2);
    await until(async () => (await gates(3))[2]?.isClosed === true);
    await fill(3);
    const looker = table();
    await passBy(looker, async () => (await gates(3))[2]?.isClosed === false);
    await until(async () => (await redis.command('hget', partitionsKey(name), 'next')) === null);
    await expectSound(4);
  });

  it('a growth left unfinished does not outlive another change that is refused', async () => {
    await table().resize(4);
    // Begun, and half of the partitions fenced.
    void table({ dyingAfter: 4 }).resize(8);
    await until(async () => (await gates(2)).every(({ generation }) => generation === 2));
    await fill(3);
    aheadMs = 0;
    const other = table();
    await other.refresh();
    aheadMs += 6_000;
    await expect(other.resize(2)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await passBy(other, () => refreshed(other, 8));
    await expectSound(8);
  });

  it('a shrink left unfinished does not outlive another change', async () => {
    await table().resize(4);
    // Partitions 1 and 2 are closed by it.
    void table({ dyingAfter: 7 }).resize(1);
    await until(async () => (await gates(3)).filter(({ isClosed }) => isClosed).length === 2);
    await fill(3);
    const other = table();
    await other.refresh();
    aheadMs += 6_000;
    await other.resize(4);
    await expectSound(4);
  });

  it('opens every partition again when one that goes is filled while it is being closed', async () => {
    await table().resize(5);
    const filling = table();
    // Looked at, and then, before it is closed, filled.
    const inner = Reflect.get(filling, 'redis') as Pick<RedisLink, 'run'>;
    const run = inner.run.bind(inner);
    inner.run = async (script, keys, args) => {
      if (script.name === 'propose-partitions') await fill(4);
      return run(script, keys, args);
    };
    await expect(filling.resize(2)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('partition 4 still holds 1 event'),
    });
    await expectSound(5);
    await empty(4);
    await table().resize(2);
    await expectSound(2);
  });

  it('a change that is bound to be refused changes nothing', async () => {
    await table().resize(3);
    await fill(2);
    const before = await attempts();
    for (let n = 0; n < 5; n++) {
      await expect(table().resize(1)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    }
    expect(await attempts()).toBe(before);
    await expectSound(3);
  });

  it('is changed once by many who want the same at the same time', async () => {
    await Promise.all(Array.from({ length: 12 }, () => table().resize(7)));
    expect(await attempts()).toBe(1);
    await expectSound(7);
  });

  it('is finished once by many who see a change left unfinished', async () => {
    void table({ dyingAfter: 3 }).resize(6);
    await until(async () => (await attempts()) === 1);
    const lookers = Array.from({ length: 12 }, () => table());
    await Promise.all(lookers.map((looker) => looker.refresh()));
    aheadMs += 6_000;
    await Promise.all(lookers.map((looker) => looker.refresh()));
    await until(async () =>
      (await Promise.all(lookers.map((l) => refreshed(l, 6)))).every(Boolean),
    );
    expect(await attempts()).toBe(2);
    await expectSound(6);
  });

  it('goes one change after the other where they differ', async () => {
    await Promise.all([4, 2, 6, 3].map((count) => table().resize(count)));
    const last = table();
    await last.refresh();
    await expectSound(last.current().count);
  });

  it.each([
    ['partition-gate', 5],
    ['conclude-partitions', 2],
  ])('refuses a late %s of a change that was superseded', async (step, wanted) => {
    let resume: () => void = () => undefined;
    const paused = new Promise<void>((resolve) => (resume = resolve));
    const slow = table();
    const inner = Reflect.get(slow, 'redis') as Pick<RedisLink, 'run'>;
    const run = inner.run.bind(inner);
    let isLate = false;
    const answers: unknown[] = [];
    inner.run = async (script, keys, args) => {
      if (script.name !== step) return run(script, keys, args);
      isLate = true;
      await paused;
      answers.push(await run(script, keys, args));
      // And then its process dies.
      return new Promise(() => undefined);
    };
    void slow.resize(wanted);
    await until(async () => isLate);
    const other = table();
    await other.refresh();
    aheadMs += 6_000;
    await other.resize(3);
    await expectSound(3);
    resume();
    await until(async () => answers.length === 1);
    await expectSound(3);
  });

  it('begins a change again that was superseded: the last one to want something gets it', async () => {
    let resume: () => void = () => undefined;
    const paused = new Promise<void>((resolve) => (resume = resolve));
    const slow = table();
    const inner = Reflect.get(slow, 'redis') as Pick<RedisLink, 'run'>;
    const run = inner.run.bind(inner);
    inner.run = async (script, keys, args) => {
      if (script.name === 'partition-gate') await paused;
      return run(script, keys, args);
    };
    const growing = slow.resize(5);
    await until(async () => (await attempts()) === 1);
    const other = table();
    await other.refresh();
    aheadMs += 6_000;
    await other.resize(3);
    resume();
    await growing;
    await expectSound(5);
  });

  it('is put right by who knew it, when Redis comes back without it', async () => {
    const knowing = table();
    await knowing.resize(4);
    await redis.command('del', partitionsKey(name));
    await knowing.refresh();
    await until(() => refreshed(table(), 4));
    await expectSound(4);
  });

  it('is put right at the next change, when nobody knew it any more', async () => {
    await table().resize(4);
    await redis.command('del', partitionsKey(name));
    await table().resize(6);
    await expectSound(6);
  });

  it('is put right when a partition knows of a later change than the count', async () => {
    await table().resize(3);
    const user = table();
    await user.refresh();
    await redis.command('hset', partitionKeys(name, 1).counters, 'generation', 9);
    await user.refused(1);
    await until(async () => (await attempts()) > 9);
    await until(() => refreshed(user, 3));
    await until(async () => user.current().generation > 9);
    await expectSound(3);
  });

  it('closes also partitions that came while it was about to begin', async () => {
    await table().resize(4);
    const shrinking = table();
    const inner = Reflect.get(shrinking, 'redis') as Pick<RedisLink, 'run'>;
    const run = inner.run.bind(inner);
    let isFirst = true;
    inner.run = async (script, keys, args) => {
      if (isFirst && script.name === 'propose-partitions') {
        isFirst = false;
        await table().resize(6);
        await fill(5);
      }
      return run(script, keys, args);
    };
    await expect(shrinking.resize(2)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expectSound(6);
  });

  it('does not undo what another one changes while it looks into a refusal', async () => {
    await table().resize(3);
    const user = table();
    await user.refresh();
    const inner = Reflect.get(user, 'redis') as Pick<RedisLink, 'run'>;
    const run = inner.run.bind(inner);
    inner.run = async (script, keys, args) => {
      if (script.name === 'partition-gate') {
        inner.run = run;
        await table().resize(5);
      }
      return run(script, keys, args);
    };
    await user.refused(1);
    await until(() => refreshed(user, 5));
    await expectSound(5);
    expect(await attempts()).toBe(2);
  });

  it('does not take a partition that was given up for one that knows more', async () => {
    await table().resize(3);
    await table().resize(1);
    const user = table();
    await user.refresh();
    await user.refused(2);
    expect((await gates(3))[2]).toMatchObject({ isClosed: true });
    expect(await attempts()).toBe(2);
  });

  it('can be asked for what it is, and be changed, at maxmemory', async () => {
    await table().resize(2);
    await redis.command('config', 'set', 'maxmemory', '1mb');
    await table().resize(2);
    await table().resize(3);
    await expectSound(3);
  });
});

async function refreshed(one: PartitionTable, count: number): Promise<boolean> {
  await one.refresh();
  return one.current().count === count;
}
