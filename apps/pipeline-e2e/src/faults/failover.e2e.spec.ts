import { startRedisCluster, startRedisSentinel } from '@event-pipeline/queue/testing';
import { tell, WHOLE_SUITE } from '../harness/fault-scale';
import { findViolations, type Invariant } from '../harness/invariants';
import { untilItWorks } from '../harness/kill-loop';
import { startLoaded } from '../harness/loaded-pipeline';
import { engineAt } from '../harness/queue-engine';
import { Scratch } from '../harness/scratch';
import { until } from '../harness/until';

const CLEAN = { queuedOnce: true, noneDead: true };
const KILLED_MASTERS = WHOLE_SUITE ? 10 : 1;
const VARIABLES = { REDIS_COMMAND_TIMEOUT_MS: '1000' };

const scratch = new Scratch();
afterEach(() => scratch.clean());

describe('a queue on Redis behind Sentinels', () => {
  it('whose master is killed while nothing is on its way: nothing is lost, and all goes on by itself', async () => {
    const watched = await sentinels();
    const engine = await engineAt(watched.url, scratch);
    const { pipeline, load } = await startLoaded({ engine, variables: VARIABLES }, scratch);
    await load.settle();
    await pipeline.queue.untilEmpty();
    const master = await watched.master();
    await until(
      'the replica has everything',
      async () => (await master.command('wait', 1, 0)) === 1,
    );
    await master.kill9();
    await watched.untilMasterIsNot(master);
    load.start();
    await untilItWorks(pipeline, load);
    expect(await pipeline.violations(load, CLEAN)).toEqual([]);
    expect(pipeline.surprises).toEqual([]);
  }, 180_000);

  it.each([
    ['with a replica that keeps up', false],
    ['with a replica that has lost its link to the master', true],
  ])(
    `%s, whose master is killed under load (${KILLED_MASTERS} times): all goes on by itself, and nothing is lost but what had not been replicated`,
    async (_, isCutOff) => {
      for (let kill = 1; kill <= KILLED_MASTERS; kill++) {
        // Of its own: a master that was killed is not started again.
        const own = new Scratch();
        try {
          tell(`master killed, ${await lossByKill(isCutOff, own)}`);
        } finally {
          await own.clean();
        }
      }
    },
    900_000,
  );
});

describe('a queue on a Redis Cluster', () => {
  it('whose node hands over to its replica, and whose slots move, under load: nothing is lost or doubled', async () => {
    const cluster = await startRedisCluster({ nodes: 2 });
    scratch.afterwards(() => cluster.stop());
    const engine = await engineAt(cluster.url, scratch);
    const variables = { ...VARIABLES, QUEUE_PARTITIONS: '4' };
    const { pipeline, load } = await startLoaded({ engine, variables }, scratch);

    const slot = cluster.slotOf('event_queue');
    const owner = await cluster.ownerOf(slot);
    const replica = await cluster.addReplica(owner);
    // The node stops, hands over what it has, and follows: nothing is acknowledged in between.
    await until('the replica takes over', async () => {
      await replica.command('cluster', 'failover').catch(() => undefined);
      const [role] = (await replica.command('role')) as unknown[];
      return role === 'master';
    });
    await untilItWorks(pipeline, load);
    const other = cluster.nodes.find((node) => node !== owner && node !== replica)!;
    await cluster.moveSlot(slot, other);
    await untilItWorks(pipeline, load);
    await other.kill9();
    await other.restart();
    await untilItWorks(pipeline, load);

    expect(await pipeline.violations(load, CLEAN)).toEqual([]);
    expect(pipeline.surprises).toEqual([]);
  }, 180_000);
});

async function sentinels() {
  const watched = await startRedisSentinel();
  scratch.afterwards(() => watched.stop());
  return watched;
}

/** Replication is asynchronous: these two, and no other, may be broken by the loss of a master. */
const ALLOWED: readonly Invariant[] = ['no-loss', 'queued-once'];

/** @param isCutOff whether the replica gets nothing any more, for some time before the kill */
async function lossByKill(isCutOff: boolean, own: Scratch): Promise<string> {
  const watched = await startRedisSentinel();
  own.afterwards(() => watched.stop());
  const engine = await engineAt(watched.url, own);
  const { pipeline, load } = await startLoaded({ engine, variables: VARIABLES }, own);
  // What is acknowledged from now on is nowhere but in Redis.
  for (const worker of pipeline.workers) worker.pause();
  const [master, replica] = watched.servers;
  const before = load.ledger.counts.acknowledged;
  if (isCutOff) {
    // The master has no password and so refuses a replica that brings one.
    await replica.command('config', 'set', 'masterauth', 'wrong');
    await master.command('client', 'kill', 'type', 'replica');
  }
  const cutOffAt = load.ledger.counts.acknowledged;
  await until('events are acknowledged', () => load.ledger.counts.acknowledged > before + 300);
  await master.kill9();
  const { acknowledged, open } = load.ledger.counts;
  await watched.untilMasterIsNot(master);
  for (const worker of pipeline.workers) worker.resume();
  await untilItWorks(pipeline, load);

  await load.settle();
  await pipeline.queue.untilEmpty();
  const evidence = await pipeline.evidence(load);
  const violations = findViolations(evidence, { storedOnce: false, ...CLEAN });
  expect(violations.filter(({ invariant }) => !ALLOWED.includes(invariant))).toEqual([]);
  expect(pipeline.surprises).toEqual([]);
  const lost = violations.find(({ invariant }) => invariant === 'no-loss')?.count ?? 0;
  // Else the test would not see a loss.
  if (isCutOff) expect(lost).toBeGreaterThan(0);
  // What was on its way may have been acknowledged before its producer was counted.
  if (isCutOff) expect(lost).toBeLessThanOrEqual(acknowledged + open - before);
  const since = isCutOff ? `, ${acknowledged - cutOffAt} since its replica was cut off` : '';
  return `${lost} of ${acknowledged} acknowledged events lost${since}`;
}
