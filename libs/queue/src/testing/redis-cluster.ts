import { slotOf } from '../redis/cluster-command';
import { HOST, eventually, freePort, onFreePorts } from './redis-process';
import { startRedisServer, type RedisServer } from './redis-server';

const SLOTS = 16_384;

/** A real Redis Cluster of a test's own, on loopback. */
export interface RedisCluster {
  /** `redis+cluster://127.0.0.1:PORT,…` */
  readonly url: string;
  /** In the order in which they got their slots; replicas at the end. */
  readonly nodes: readonly RedisServer[];
  slotOf(key: string): number;
  /** The node that serves a slot now. */
  ownerOf(slot: number): Promise<RedisServer>;
  /** Sends one command to the node that has the key, which need not be in it. */
  command(key: string, ...words: readonly (string | number)[]): Promise<unknown>;
  /**
   * Moves a slot with its keys, live, a few keys at a time, as `redis-cli --cluster reshard` does.
   *
   * @param midway called once, when half of the keys have moved
   */
  moveSlot(
    slot: number,
    to: RedisServer,
    options?: { readonly keysPerStep?: number; readonly midway?: () => Promise<void> },
  ): Promise<void>;
  /** Adds a replica of a node; resolves once it has the node's data. */
  addReplica(of: RedisServer): Promise<RedisServer>;
  stop(): Promise<void>;
}

/** Starts a cluster of masters and resolves once it works. A lost node takes only its slots with it. */
export async function startRedisCluster(options: {
  readonly nodes: number;
  /** After how long without an answer a node counts as lost, ms. Default: 5,000. */
  readonly nodeTimeoutMs?: number;
  readonly tls?: boolean;
}): Promise<RedisCluster> {
  const { nodes: count, nodeTimeoutMs = 5_000, tls = false } = options;
  const nodes: RedisServer[] = [];
  const buses = new Map<RedisServer, number>();
  const stop = async () => void (await Promise.all(nodes.map((node) => node.stop())));

  const addNode = () =>
    onFreePorts(async () => {
      const bus = await freePort();
      const settings = {
        'cluster-enabled': 'yes',
        // The default, the port plus 10,000, may be taken or be no port.
        'cluster-port': String(bus),
        'cluster-node-timeout': String(nodeTimeoutMs),
        'cluster-require-full-coverage': 'no',
        'repl-diskless-sync-delay': '0',
      };
      const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
      const node = await startRedisServer({ args, tls });
      nodes.push(node);
      buses.set(node, bus);
      return node;
    });
  const idOf = async (node: RedisServer) => String(await node.command('cluster', 'myid'));
  const meet = (node: RedisServer, other: RedisServer) =>
    node.command('cluster', 'meet', HOST, other.port, buses.get(other) ?? 0);
  const allKnow = (isSo: (info: string) => boolean) =>
    eventually(async () => {
      const infos = await Promise.all(nodes.map((node) => node.command('cluster', 'info')));
      return infos.every((info) => isSo(String(info)));
    });
  const knows = (nodeCount: number) => (info: string) =>
    info.includes('cluster_state:ok\r') && info.includes(`cluster_known_nodes:${nodeCount}\r`);

  let migrations: Promise<unknown> = Promise.resolve();
  /**
   * One at a time in the whole cluster: a node answers nobody while it migrates, so nodes that migrate
   * to each other in a ring would all wait until their time limits end it.
   */
  const migrate = (from: RedisServer, to: RedisServer, keys: readonly string[]) => {
    const migration = migrations.then(() =>
      from.command('migrate', HOST, to.port, '', 0, 30_000, 'keys', ...keys),
    );
    migrations = migration.catch(() => undefined);
    return migration;
  };

  async function ownerOf(slot: number): Promise<RedisServer> {
    for (const node of nodes) {
      // A node that is down, or that sees nothing of the others, is not the one to ask.
      const lines = await node.command('cluster', 'nodes').then(String, () => '');
      for (const line of lines.split('\n')) {
        const [, address = '', flags = '', , , , , linkState, ...ranges] = line.split(' ');
        if (!flags.includes('master') || flags.includes('fail') || linkState !== 'connected')
          continue;
        const isHere = ranges.some((range) => {
          const [from, to = from] = range.split('-').map(Number);
          return from !== undefined && from <= slot && slot <= (to ?? from);
        });
        const owner = nodes.find(({ port }) => address.startsWith(`${HOST}:${port}@`));
        if (isHere && owner) return owner;
      }
    }
    throw new Error(`no node serves slot ${slot}`);
  }

  try {
    await Promise.all(Array.from({ length: count }, addNode));
    const [first] = nodes;
    if (!first) throw new Error('a cluster has at least one node');
    for (const [index, node] of nodes.entries()) {
      const from = Math.floor((index * SLOTS) / count);
      const to = Math.floor(((index + 1) * SLOTS) / count) - 1;
      await node.command('cluster', 'addslotsrange', from, to);
      await node.command('cluster', 'set-config-epoch', index + 1);
    }
    for (const node of nodes) if (node !== first) await meet(first, node);
    await allKnow((info) => knows(count)(info) && info.includes(`cluster_slots_ok:${SLOTS}\r`));
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    url: `${tls ? 'rediss' : 'redis'}+cluster://${nodes.map(({ port }) => `${HOST}:${port}`).join(',')}`,
    nodes,
    slotOf,
    ownerOf,
    command: async (key, ...words) => (await ownerOf(slotOf(key))).command(...words),

    async moveSlot(slot, to, { keysPerStep = 10, midway } = {}) {
      const from = await ownerOf(slot);
      if (from === to) return;
      const [fromId, toId] = [await idOf(from), await idOf(to)];
      await to.command('cluster', 'setslot', slot, 'importing', fromId);
      await from.command('cluster', 'setslot', slot, 'migrating', toId);
      const half = Number(await from.command('cluster', 'countkeysinslot', slot)) / 2;
      let moved = 0;
      let isMidway = false;
      for (;;) {
        if (!isMidway && moved >= half) {
          isMidway = true;
          await midway?.();
        }
        const step = Math.max(1, Math.min(keysPerStep, isMidway ? keysPerStep : half - moved));
        const keys = await from.command('cluster', 'getkeysinslot', slot, Math.floor(step));
        if (!Array.isArray(keys) || keys.length === 0) break;
        await migrate(from, to, keys.map(String));
        moved += keys.length;
      }
      // The new owner first: it makes the others believe it.
      for (const node of [to, from, ...nodes.filter((other) => other !== to && other !== from)]) {
        await node.command('cluster', 'setslot', slot, 'node', toId).catch((error: unknown) => {
          // Replicas refuse to be told, and one that is down learns it later.
          if (node === to || node === from) throw error;
        });
      }
    },

    async addReplica(of) {
      const masterId = await idOf(of);
      const replica = await addNode();
      await meet(of, replica);
      await allKnow(knows(nodes.length));
      await replica.command('cluster', 'replicate', masterId);
      await eventually(async () =>
        String(await replica.command('info', 'replication')).includes('master_link_status:up'),
      );
      return replica;
    },

    stop,
  };
}
