import { randomUUID } from 'node:crypto';
import { systemClock, systemRandom } from '@event-pipeline/runtime';
import { createLogSink } from '@event-pipeline/telemetry/testing';
import type { Queue } from '../queue';
import { parseRedisUrl } from '../redis-location';
import {
  batchOf,
  bodiesOf,
  drainAll,
  event,
  events,
  expectConserved,
  put,
  receive,
  startRedisCluster,
  startRedisServer,
  take,
  type RedisCluster,
  type RedisServer,
} from '../testing';
import { partitionKeys } from './redis-keys';
import { openRedisLinks, type RedisLinks } from './redis-links';
import { openRedisQueue } from './redis-queue';
import { ServerInspection } from './server-inspection';
import { untilAnswered } from './testing/redis-queue-under-test';

const LIMIT_MS = 500;
const unavailable = expect.objectContaining({ code: 'QUEUE_UNAVAILABLE' });
const { signal } = new AbortController();

let cluster: RedisCluster;
let sink = createLogSink();
const opened: Queue[] = [];

beforeAll(async () => {
  cluster = await startRedisCluster({ nodes: 3, nodeTimeoutMs: 1_000 });
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((queue) => queue.close()));
});
beforeEach(() => {
  sink = createLogSink();
});
afterAll(() => cluster.stop());

/** A fresh name of a queue whose keys are on this node. */
async function nameOn(node: RedisServer, of = cluster): Promise<string> {
  for (;;) {
    const name = `test_${randomUUID()}`;
    if ((await of.ownerOf(of.slotOf(name))) === node) return name;
  }
}

const openOn = async (node: RedisServer) => open(await nameOn(node));

async function open(name: string, url = cluster.url): Promise<Queue> {
  const queue = await openRedisQueue(
    {
      location: parseRedisUrl(url),
      name,
      limits: { maxEvents: 0, maxBytes: 0 },
      commandTimeoutMs: LIMIT_MS,
    },
    { random: systemRandom, logger: sink.logger },
  );
  opened.push(queue);
  return queue;
}

const outageLines = () =>
  sink.lines.map(({ msg }) => String(msg)).filter((msg) => /reachable/.test(msg));

describe('on a cluster', () => {
  it('a killed node is unavailable in time, alone, and works again after its restart', async () => {
    const [node, other] = [cluster.nodes[0]!, cluster.nodes[1]!];
    const queue = await openOn(node);
    const elsewhere = await openOn(other);
    await put(queue, events(1, 3));
    const lease = await take(queue, { maxEvents: 1 });
    await queue.waitForEvents(0, 1, signal);

    await node.kill9();
    const batch = batchOf([event(4)]);
    for (let call = 0; call < 5; call += 1) {
      await expect(queue.enqueue(0, [batch])).rejects.toEqual(unavailable);
      await expect(receive(queue)).rejects.toEqual(unavailable);
      await put(elsewhere, [event(call)]);
    }
    await expect(queue.health()).rejects.toEqual(unavailable);
    await queue.waitForEvents(0, 10, signal);

    await node.restart();
    await untilAnswered(() => queue.enqueue(0, [batch]));
    await queue.settle(lease, []);
    expect(await drainAll(queue)).toEqual(events(2, 4));
    expectConserved(await queue.stats(0));
    expect(outageLines()).toEqual([
      expect.stringMatching(/^Redis at the cluster of 127.* is not reachable; trying again/),
      'Redis is reachable again',
    ]);
  });

  it('a node that hangs is unavailable in time, and works again when it goes on', async () => {
    const [node, other] = [cluster.nodes[1]!, cluster.nodes[2]!];
    const name = await nameOn(node);
    const queue = await open(name);
    const elsewhere = await openOn(other);
    await put(queue, [event(1)]);
    await put(elsewhere, [event(1)]);
    const connections = async () => {
      const list = String(await node.command('client', 'list'));
      return [...list.matchAll(/^id=(\d+) .*name=(\S+)/gm)]
        .filter(([, , of]) => of === `${name}:commands`)
        .map(([, id]) => id);
    };
    const before = await connections();
    expect(before).toHaveLength(1);
    const batch = batchOf([event(2)]);
    node.pause();
    try {
      for (let call = 0; call < 3; call += 1) {
        const calls = [queue.enqueue(0, [batch]), receive(queue), queue.stats(0)];
        for (const refused of calls) await expect(refused).rejects.toEqual(unavailable);
        await elsewhere.stats(0);
      }
    } finally {
      node.resume();
    }
    await untilAnswered(() => queue.enqueue(0, [batch]));
    expect((await queue.stats(0)).enqueued).toBe(2);
    // Nobody waits any more behind what was not answered.
    expect(await connections()).not.toContain(before[0]);
  });

  it('opens while a node of the URL hangs', async () => {
    const [node, other] = [cluster.nodes[0]!, cluster.nodes[2]!];
    const name = await nameOn(other);
    node.pause();
    try {
      const queue = await open(name);
      await untilAnswered(() => put(queue, [event(1)]));
    } finally {
      node.resume();
    }
  });

  it('the replica of a lost node is found without a restart, by calls and by waits', async () => {
    const own = await startRedisCluster({ nodes: 3, nodeTimeoutMs: 500 });
    try {
      const node = own.nodes[2]!;
      const replica = await own.addReplica(node);
      const name = await nameOn(node, own);
      const queue = await open(name, own.url);
      await put(queue, events(1, 3));
      await node.command('wait', 1, 0);
      await queue.waitForEvents(0, 1, signal);
      await node.kill9();
      const [seen] = await Promise.all([
        untilAnswered(() => queue.stats(0)),
        untilAnswered(async () => expect(await own.ownerOf(own.slotOf(name))).toBe(replica)),
      ]);
      expect(seen.pending).toBe(3);
      // A connection that ends late may take an answer with it: the same lease is asked for again.
      const leaseId = randomUUID();
      const lease = await untilAnswered(() => take(queue, { leaseId }));
      expect(bodiesOf(lease)).toEqual(events(1, 3));

      const woken = (async () => {
        const pending = async () => (await untilAnswered(() => queue.stats(0))).pending;
        while ((await pending()) === 0) await queue.waitForEvents(0, 60_000, signal);
      })();
      const waiting = `${name}:waiting`;
      await untilAnswered(async () =>
        expect(String(await replica.command('client', 'list'))).toMatch(
          new RegExp(`name=${waiting} .*cmd=blpop`),
        ),
      );
      await untilAnswered(() => put(queue, [event(4)]));
      await woken;
    } finally {
      await Promise.all(opened.splice(0).map((queue) => queue.close()));
      await own.stop();
    }
  });

  it('a slot that nobody serves, or that two nodes send to and fro, is unavailable in time', async () => {
    const own = await startRedisCluster({ nodes: 2 });
    try {
      const queue = await open('nobody', own.url);
      const slot = own.slotOf('nobody');
      const owner = await own.ownerOf(slot);
      const other = own.nodes.find((node) => node !== owner)!;
      await put(queue, [event(1)]);
      const epoch = partitionKeys('nobody', 0).epoch;

      await owner.command('del', 'nobody');
      for (const key of (await owner.command('keys', '*')) as string[]) {
        await owner.command('del', key);
      }
      await owner.command('cluster', 'delslots', slot);
      await other.command('cluster', 'delslots', slot);
      await expect(put(queue, [event(2)])).rejects.toEqual(unavailable);

      const ids = [await owner.command('cluster', 'myid'), await other.command('cluster', 'myid')];
      await owner.command('cluster', 'setslot', slot, 'node', String(ids[1]));
      await other.command('cluster', 'setslot', slot, 'node', String(ids[0]));
      const moved = /MOVED/;
      await expect(owner.command('get', epoch)).rejects.toThrow(moved);
      await expect(other.command('get', epoch)).rejects.toThrow(moved);
      await expect(put(queue, [event(3)])).rejects.toEqual(unavailable);
    } finally {
      await Promise.all(opened.splice(0).map((queue) => queue.close()));
      await own.stop();
    }
  });

  it('a lease whose deadline was lost is found on the node that has it', async () => {
    const queue = await openOn(cluster.nodes[2]!);
    await put(queue, events(1, 4));
    await take(queue);
    const [leases] = ((await cluster.nodes[2]!.command('keys', '*:leases')) as string[]).slice(-1);
    await cluster.nodes[2]!.command('del', leases!);
    await untilAnswered(async () => {
      const { events: reclaimed } = await queue.reclaim(0, { maxLeases: 10, maxCrashes: 3 });
      if (reclaimed === 0) throw new Error('not found yet');
    });
    expect(await drainAll(queue)).toEqual(events(1, 4));
  });

  it('is as durable as the worst node that holds a partition', async () => {
    const links: RedisLinks = openRedisLinks(
      parseRedisUrl(cluster.url),
      { name: 'inspected', commandTimeoutMs: LIMIT_MS },
      sink.logger,
    );
    const keys: string[] = [];
    for (const node of cluster.nodes) {
      for (let i = 0; ; i += 1) {
        if ((await cluster.ownerOf(cluster.slotOf(`epoch${i}`))) !== node) continue;
        keys.push(`epoch${i}`);
        break;
      }
    }
    try {
      await links.commands.settled(LIMIT_MS);
      const fresh = () =>
        new ServerInspection({ clock: systemClock, random: systemRandom, logger: sink.logger });
      await cluster.nodes[1]!.command('config', 'set', 'appendfsync', 'everysec');
      expect(await fresh().health(links.commands, keys)).toMatchObject({
        durability: 'bounded-loss',
      });
      // Only the servers of these keys count.
      expect(await fresh().health(links.commands, [keys[0]!, keys[2]!])).toMatchObject({
        durability: 'disk',
      });
      sink = createLogSink();
      await fresh().inspect(links.commands, keys);
      const guarantees = sink.lines.filter(({ durability }) => durability !== undefined);
      expect(guarantees.map(({ redis, durability }) => [redis, durability])).toEqual(
        cluster.nodes.map(({ port }, i) => [
          `127.0.0.1:${port}`,
          i === 1 ? 'bounded-loss' : 'disk',
        ]),
      );
    } finally {
      links.commands.close();
      await cluster.nodes[1]!.command('config', 'set', 'appendfsync', 'always');
    }
  });

  it('the wrong form of URL is named: a cluster as a server, a server as a cluster', async () => {
    const [node] = cluster.nodes;
    const elsewhere = await nameOn(cluster.nodes[1]!);
    await expect(put(await open(elsewhere, node!.url), [event(1)])).rejects.toMatchObject({
      code: 'QUEUE_UNAVAILABLE',
      message: 'Redis is a node of a cluster: QUEUE_URL must begin with redis+cluster://',
    });
    const server = await startRedisServer();
    try {
      sink = createLogSink();
      const queue = await open('q', server.url.replace('redis:', 'redis+cluster:'));
      await expect(put(queue, [event(1)])).rejects.toEqual(unavailable);
      expect(sink.lines.map(({ reason }) => reason)).toContain(
        'ERR This instance has cluster support disabled',
      );
    } finally {
      await Promise.all(opened.splice(0).map((queue) => queue.close()));
      await server.stop();
    }
  });

  it('a queue that never waits holds no connection for it, and close() ends all that were opened', async () => {
    const name = `test_${randomUUID()}`;
    const queue = await open(name);
    const clients = async () => {
      const lists = await Promise.all(cluster.nodes.map((node) => node.command('client', 'list')));
      return [...lists.join('\n').matchAll(/name=(\S+)/g)]
        .map(([, of]) => of)
        .filter((of) => of?.startsWith(name));
    };
    await put(queue, [event(1)]);
    expect(await clients()).not.toContain(`${name}:waiting`);
    await queue.waitForEvents(0, 1, signal);
    await untilAnswered(async () => expect(await clients()).toContain(`${name}:waiting`));
    await queue.close();
    await untilAnswered(async () => expect(await clients()).toEqual([]));
  });
});
