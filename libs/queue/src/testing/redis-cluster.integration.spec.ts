import { isRunning } from '@event-pipeline/runtime/testing';
import { startRedisCluster, type RedisCluster } from './redis-cluster';

describe('a Redis Cluster of a test', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster({ nodes: 3, nodeTimeoutMs: 1_000 });
  });
  afterAll(() => cluster.stop());

  it('spreads the slots over its nodes', async () => {
    const owners = await Promise.all([0, 8_000, 16_383].map((slot) => cluster.ownerOf(slot)));
    expect(owners).toEqual(cluster.nodes);
    expect(cluster.slotOf('{queue}:1')).toBe(cluster.slotOf('queue'));
    expect(await cluster.command('queue', 'cluster', 'keyslot', 'queue')).toBe(
      cluster.slotOf('queue'),
    );
  });

  it('moves a slot with its keys, also while they are used', async () => {
    const slot = cluster.slotOf('moved');
    const from = await cluster.ownerOf(slot);
    const to = cluster.nodes.find((node) => node !== from)!;
    for (let i = 0; i < 25; i += 1) await from.command('set', `{moved}:${i}`, i);
    let keysMidway: unknown[] = [];
    await cluster.moveSlot(slot, to, {
      midway: async () => {
        const count = (node: typeof to) => node.command('cluster', 'countkeysinslot', slot);
        keysMidway = await Promise.all([count(from), count(to)]);
      },
    });
    expect(keysMidway).toEqual([12, 13]);
    expect(await cluster.ownerOf(slot)).toBe(to);
    expect(await to.command('get', '{moved}:24')).toBe('24');
    await expect(from.command('get', '{moved}:24')).rejects.toThrow(`MOVED ${slot}`);
  });

  it('makes the replica of a lost node a master', async () => {
    const slot = cluster.slotOf('replaced');
    const old = await cluster.ownerOf(slot);
    await old.command('set', 'replaced', 'kept');
    const replica = await cluster.addReplica(old);
    await old.kill9();
    for (;;) {
      const owner = await cluster.ownerOf(slot).catch(() => undefined);
      if (owner === replica) break;
    }
    expect(await replica.command('get', 'replaced')).toBe('kept');
  });

  it('leaves nothing running', async () => {
    const own = await startRedisCluster({ nodes: 2 });
    await own.stop();
    expect(own.nodes.map(({ pid }) => isRunning(pid))).toEqual([false, false]);
  });
});
